"""A folder belongs to one running engine at a time.

The lock is the kernel's (flock), so a killed engine leaves none behind. Its watchdogs hold it with us: it is
free once the last server is down, and the next start waits that long. The file holds our process id.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from .errors import ServiceError, not_ours

NAME = "lock"


class Lock:
    """The lock on `folder`, which is made if missing. Raises ServiceError if it is another's."""

    def __init__(self, folder: Path, *, wait: float = 15) -> None:
        self._folder = folder
        self.descriptor = _open(folder)
        try:
            self._take(time.monotonic() + wait)
        except BaseException:
            os.close(self.descriptor)
            raise

    def release(self) -> None:
        """Leave the folder to others."""
        os.ftruncate(self.descriptor, 0)
        os.close(self.descriptor)

    def _take(self, deadline: float) -> None:
        while not _flock(self.descriptor, fcntl.LOCK_EX):
            pid = _read_pid(self.descriptor)
            if pid and _is_alive(pid):
                raise ServiceError(
                    f"{self._folder} is in use by another engine (pid {pid}): stop that one first."
                )
            if time.monotonic() > deadline:
                raise ServiceError(f"{self._folder} is in use by servers of an engine that is gone.")
            time.sleep(0.05)
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, str(os.getpid()).encode(), 0)


def owner_pid(folder: Path) -> int | None:
    """The process whose engine has `folder` now, or None."""
    try:
        descriptor = os.open(folder / NAME, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return None if _flock(descriptor, fcntl.LOCK_SH) else _read_pid(descriptor)
    finally:
        os.close(descriptor)


def _open(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o644)
    except PermissionError:
        raise not_ours(folder) from None
    except OSError as error:
        raise ServiceError(f"{folder} cannot hold the servers' files: {error.strerror}.") from None


def _flock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_pid(descriptor: int) -> int | None:
    return int(os.pread(descriptor, 20, 0) or 0) or None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
