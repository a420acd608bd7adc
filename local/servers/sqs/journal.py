"""An append-only file of JSON lines that survives kill -9 of its process.

    append ──▶ lines in memory ──▶ one os.write at the end of the loop's iteration ──▶ `written` is done
                                     └─ twice as long as the live state: rewritten without what is over

There is no fsync: once the kernel has a line only a machine that goes down loses it. A line is whole or it is
the last one, of a write that was cut off, and then it is dropped when the file is opened.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from .errors import JournalFailed

Record = list[Any]  # its kind, then what `records.py` says
KEEPS_BYTES = 8 * 1024 * 1024  # a shorter file is not rewritten
CHUNK = 1_000  # records in a write of a rewritten file

_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class JournalError(Exception):
    """The journal cannot be used; the message says why."""


class Journal:
    """The journal at `path`, which is this process's alone; None keeps nothing. Raises JournalError.

    `live_bytes` and `live_records` are given by its owner: how long a rewritten journal would be, about, and
    its records. They are asked only between two writes.
    """

    def __init__(self, path: Path | None, *, keeps_bytes: int = KEEPS_BYTES) -> None:
        self._path = path
        self._keeps_bytes = keeps_bytes
        self._lines: list[str] = []
        self._is_scheduled = False
        self._written: asyncio.Future[None] | None = None
        self.live_bytes: Callable[[], int] = int
        self.live_records: Callable[[], Iterable[Record]] = list
        self.size = 0
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(self._lock)
                raise JournalError(f"{path} is in use by another process.") from None
            self._file = _open(path)

    def replay(self) -> Iterator[Record]:
        """The records in their order. Call it once, before anything is appended. Raises JournalError."""
        if self._path is None:
            return
        with self._path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.endswith(b"\n"):
                    break
                try:
                    record = json.loads(line)
                except ValueError:
                    raise JournalError(
                        f"Line {number} of {self._path} is damaged: "
                        "mend it, or move the file away to start with empty queues."
                    ) from None
                self.size += len(line)
                yield record
        os.ftruncate(self._file, self.size)

    def append(self, record: Record) -> None:
        """Add a record, on the running loop; it is in the file when `written()` returns."""
        if self._path is None:
            return
        self._lines.append(_encode(record))
        self._schedule()

    async def written(self) -> None:
        """Wait until all that was appended is in the file. Raises JournalFailed."""
        if not self._lines:
            return
        if self._written is None:
            self._written = asyncio.get_running_loop().create_future()
        self._schedule()  # again, if the last write failed
        await asyncio.shield(self._written)

    def flush(self) -> None:
        """Write at once what was appended. Raises JournalFailed, and then it is tried again at the next."""
        self._is_scheduled = False
        waiting, self._written = self._written, None
        try:
            self._write()
        except OSError as error:
            failed = JournalFailed(f"The queues' journal cannot be written: {error.strerror}.")
            if waiting:
                waiting.set_exception(failed)
                waiting.exception()  # those who waited may be gone
            raise failed from error
        if waiting:
            waiting.set_result(None)

    def rewrite(self) -> None:
        """Replace the file by one with the live state and nothing else. Raises OSError."""
        if self._path is None:
            return
        new = self._path.with_name(self._path.name + ".new")
        new.unlink(missing_ok=True)
        file, size, lines = _open(new), 0, list[str]()
        try:
            for record in self.live_records():
                lines.append(_encode(record))
                if len(lines) >= CHUNK:
                    size += _write_all(file, lines)
                    lines = []
            size += _write_all(file, lines)
            new.replace(self._path)
        except BaseException:
            os.close(file)
            raise
        os.close(self._file)
        self._file, self.size = file, size
        self._lines.clear()  # the live state has them

    def close(self) -> None:
        """Write what is left, rewrite the file, and let go of it."""
        if self._path is None:
            return
        self.flush()
        with suppress(OSError):  # the longer file says the same
            self.rewrite()
        self.abandon()

    def abandon(self) -> None:
        """Let go of the file as it is."""
        if self._path is not None:
            os.close(self._file)
            os.close(self._lock)
            self._path = None

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._flush_quietly)

    def _flush_quietly(self) -> None:
        if not self._is_scheduled or self._path is None:
            return  # flushed in between
        try:
            self.flush()
        except JournalFailed as failed:
            asyncio.get_running_loop().call_exception_handler({"message": str(failed), "exception": failed})

    def _write(self) -> None:
        if not self._lines:
            return
        try:
            self.size += _write_all(self._file, self._lines)
        except OSError:
            os.ftruncate(self._file, self.size)  # or the next line would be joined to half a line
            raise
        self._lines.clear()
        if self.size > self._keeps_bytes and self.size > 2 * self.live_bytes():
            self._shrink()

    def _shrink(self) -> None:
        try:
            self.rewrite()
        except OSError:  # no room for a second file: this one is whole, so go on and try again much later
            self._keeps_bytes = 2 * self.size


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _write_all(file: int, lines: list[str]) -> int:
    """Write each as a line; how many bytes that were."""
    if not lines:
        return 0
    every = memoryview(("\n".join(lines) + "\n").encode())
    rest = every
    while rest:
        rest = rest[os.write(file, rest) :]
    return len(every)
