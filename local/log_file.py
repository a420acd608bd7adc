"""The engine's log in its state folder: lines of JSON, from INFO on, whatever the terminal shows.

A process has a file of its own, so that no two write to one, and rotates it by size. Records are made lines,
and written, some hundreds together twice a second, or at once from WARNING on: where a record is logged
between two other things, that would take three times as long.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chalicelib import logs
from chalicelib.logs import Line

from .log_lines import as_json, line

FOLDER = "logs"  # in the state folder
OURS = ("chalicelib", "local")  # loggers
MOST_BYTES = 8 * 2**20  # of a file, before it becomes the newest of the older ones
OLDER = 3
FLUSH_S = 0.5
FLUSH_LINES = 200  # each has its order and event until then


Often = tuple[float, str, Line]
"""When it was logged, by which logger, and the line."""


class LogFile(logging.Handler):
    """Writes to the file at `path`, which is for our own user alone."""

    def __init__(self, path: Path, *, most_bytes: int = MOST_BYTES) -> None:
        super().__init__(logging.INFO)
        self._path = path
        self._most_bytes = most_bytes
        path.parent.mkdir(mode=0o700, exist_ok=True)
        self._descriptor = _open(path)
        self._waiting: deque[logging.LogRecord | Often] = deque()  # of which any thread may add and take
        self._writing = threading.RLock()
        self._closing = threading.Event()
        threading.Thread(target=self._flush_often, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line, to be written soon."""
        self._waiting.append(record)
        if record.levelno >= logging.WARNING or len(self._waiting) >= FLUSH_LINES:
            self.flush()

    def take(self, logger: str, line: Line) -> None:
        """Keep a line that comes often, at INFO; see `logs.info`."""
        self._waiting.append((time.time(), logger, line))
        if len(self._waiting) >= FLUSH_LINES:
            self.flush()

    def flush(self) -> None:
        """Write what waits. A disk that is full loses lines, and fails no order."""
        with self._writing:
            lines = [_as_json(self._waiting.popleft()) for _ in range(len(self._waiting))]
            if not lines or self._descriptor < 0:
                return
            try:
                os.write(self._descriptor, b"\n".join([*lines, b""]))
                if os.fstat(self._descriptor).st_size > self._most_bytes:
                    self._rotate()
            except OSError:
                return

    def close(self) -> None:
        """Write what waits, and close the file."""
        self._closing.set()
        with self._writing:
            self.flush()
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1
        super().close()

    def _flush_often(self) -> None:
        while not self._closing.wait(FLUSH_S):
            if self._waiting:
                self.flush()

    def _rotate(self) -> None:
        for number in range(OLDER, 0, -1):
            newer = _older(self._path, number - 1) if number > 1 else self._path
            if newer.exists():
                newer.replace(_older(self._path, number))
        os.close(self._descriptor)
        self._descriptor = _open(self._path)


@contextmanager
def logging_to(state: Path, process: str) -> Iterator[None]:
    """Log what is ours, from INFO on, to the file of this process in `state` as well."""
    handler = LogFile(state / FOLDER / f"{process}.log")
    logging.getLogger().addHandler(handler)
    before = {name: logging.getLogger(name).level for name in OURS}
    for name in OURS:
        logging.getLogger(name).setLevel(min(logging.INFO, logging.getLogger().level))
    if not logging.getLogger().isEnabledFor(logging.INFO):  # or the terminal would not show them
        logs.send_to(handler.take)
    try:
        yield
    finally:
        logs.send_to(None)
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
        logging.getLogger().removeHandler(handler)
        handler.close()


def files(state: Path) -> dict[str, list[Path]]:
    """The files of each process, oldest first."""
    newest = sorted((state / FOLDER).glob("*.log"))
    return {path.stem: [*_older_ones(path), path] for path in newest}


def _as_json(waiting: logging.LogRecord | Often) -> bytes:
    if isinstance(waiting, logging.LogRecord):
        return as_json(waiting)
    created, logger, often = waiting
    return line(created, "INFO", logger, often.event, often.known())


def _older_ones(path: Path) -> list[Path]:
    older = (_older(path, number) for number in range(OLDER, 0, -1))
    return [each for each in older if each.exists()]


def _older(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


def _open(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
