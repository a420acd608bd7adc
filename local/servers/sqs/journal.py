"""An append-only file of JSON lines that survives kill -9 of its process.

    append ──▶ records in memory ──▶ one line, one os.write an iteration of the loop ──▶ `written` is done
                                       └─ twice as long as the live state: rewritten without what is over

A line is a list of records. There is no fsync: once the kernel has a line, only a machine that goes down
loses it. A line is whole, or it is the last one, of a write that was cut off; that one is dropped when the
file is opened.
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
CHUNK = 1_000  # records in a line of a rewritten file

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
        self._records: list[Record] = []
        self._is_scheduled = False
        self._waiting: list[asyncio.Future[None]] = []
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
                    found: list[Record] = json.loads(line)
                except ValueError:
                    raise JournalError(
                        f"Line {number} of {self._path} is damaged: "
                        "mend it, or move the file away to start with empty queues."
                    ) from None
                self.size += len(line)
                yield from found
        os.ftruncate(self._file, self.size)

    def append(self, record: Record) -> None:
        """Add a record, on the running loop; it is in the file when `written()` returns.

        It is encoded later, so nothing in it may be changed any more.
        """
        if self._path is None:
            return
        self._records.append(record)
        self._schedule()

    async def written(self) -> None:
        """Wait until all that was appended is in the file. Raises JournalFailed."""
        if not self._records:
            return
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        self._schedule()  # again, if the last write failed
        await waiting

    def flush(self) -> None:
        """Write at once what was appended. Raises JournalFailed, and then it is tried again at the next."""
        self._is_scheduled = False
        waiting, self._waiting = self._waiting, []
        try:
            self._write()
        except OSError as error:
            failed = JournalFailed(f"The queues' journal cannot be written: {error.strerror}.")
            for each in waiting:
                if not each.done():  # by being cancelled
                    each.set_exception(failed)
            raise failed from error
        for each in waiting:
            if not each.done():
                each.set_result(None)

    def rewrite(self) -> None:
        """Replace the file by one with the live state and nothing else. Raises OSError."""
        if self._path is None:
            return
        new = self._path.with_name(self._path.name + ".new")
        new.unlink(missing_ok=True)
        file, size, chunk = _open(new), 0, list[Record]()
        try:
            for record in self.live_records():
                chunk.append(record)
                if len(chunk) >= CHUNK:
                    size += _write_line(file, chunk)
                    chunk = []
            if chunk:
                size += _write_line(file, chunk)
            new.replace(self._path)
        except BaseException:
            os.close(file)
            raise
        os.close(self._file)
        self._file, self.size = file, size
        self._records.clear()  # the live state has them

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
        if not self._records:
            return
        try:
            self.size += _write_line(self._file, self._records)
        except OSError:
            os.ftruncate(self._file, self.size)  # or the next line would be joined to half a line
            raise
        self._records.clear()
        if self.size > self._keeps_bytes and self.size > 2 * self.live_bytes():
            self._shrink()

    def _shrink(self) -> None:
        try:
            self.rewrite()
        except OSError:  # no room for a second file: this one is whole, so go on and try again much later
            self._keeps_bytes = 2 * self.size


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _write_line(file: int, found: list[Record]) -> int:
    """Write them as a line; how many bytes that were."""
    line = memoryview((_encode(found) + "\n").encode())
    rest = line
    while rest:
        rest = rest[os.write(file, rest) :]
    return len(line)
