"""A folder belongs to one running engine at a time.

Both locks are the kernel's (flock), so a killed engine leaves none behind. `lock` is held by the engine
alone and names its process; whoever finds it taken is refused. `lock.servers` is held by the engine's
watchdogs too, and so until its last server is down: whoever finds only this one taken came right after a
kill, and waits.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from .errors import ServiceError, not_ours

ENGINE = "lock"
SERVERS = "lock.servers"


class Lock:
    """Both locks on `folder`, which is made if missing. Raises ServiceError if it is another's."""

    def __init__(self, folder: Path, *, wait: float = 15) -> None:
        self._folder = folder
        self._engine = _open(folder, ENGINE)
        self.servers = _open(folder, SERVERS)
        try:
            self._take(time.monotonic() + wait)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Leave the folder to others."""
        os.close(self._engine)
        os.close(self.servers)

    def _take(self, deadline: float) -> None:
        if not _flock(self._engine, fcntl.LOCK_EX):
            pid = _read_pid(self._engine)
            raise ServiceError(
                f"{self._folder} is in use by another engine (pid {pid}): stop that one first, "
                "or choose another folder with --state."
            )
        os.ftruncate(self._engine, 0)
        os.pwrite(self._engine, str(os.getpid()).encode(), 0)
        while not _flock(self.servers, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise ServiceError(f"{self._folder} is in use by servers of an engine that is gone.")
            time.sleep(0.05)


def owner_pid(folder: Path) -> int | None:
    """The process whose engine has `folder` now, or None."""
    try:
        descriptor = os.open(folder / ENGINE, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return None if _flock(descriptor, fcntl.LOCK_SH) else _read_pid(descriptor)
    finally:
        os.close(descriptor)


def _open(folder: Path, name: str) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o644)
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
