"""Where the servers' files lie: a temporary folder, or one that stays and that we have for ourselves.

A folder belongs to one running engine at a time. Both locks are the kernel's (flock), so a killed engine
leaves none behind. `lock` is held by the engine alone and names its process; a second engine is refused.
`lock.servers` is held by the engine's watchdogs too, and so until its last server is down: an engine that
finds only this one taken came right after a kill, and waits.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path

from ..errors import ServiceError, not_ours
from ..private import is_private, let_through
from .postgres import elsewhere, group_of

ENGINE = "lock"
SERVERS = "lock.servers"


class Folder:
    """`Folder(path)` takes the folder for this process; `Folder(None)` makes one that goes on `close()`."""

    def __init__(self, path: Path | None) -> None:
        self.temporary = path is None
        self._lock: Lock | None = None
        if path is None:
            self.path = Path(tempfile.mkdtemp(prefix="order-engine-")).resolve()
        else:
            self.path = path.resolve()
            is_ours = _is_ours(self.path)
            self._lock = Lock(self.path)
            if not is_ours:
                return
        self.path.chmod(0o700)  # there are secrets in it
        if os.geteuid() == 0 and (group := group_of(self.part("postgres"))) is not None:
            let_through(self.path, group)  # Postgres has another user then

    @property
    def holds(self) -> tuple[int, ...]:
        """The file descriptor of the lock that our watchdogs keep with us."""
        return (self._lock.servers,) if self._lock else ()

    def part(self, name: str) -> Path:
        """The folder of one server."""
        return self.path / name

    def close(self) -> None:
        """Let go of the folder."""
        if self._lock:
            self._lock.release()
            self._lock = None
        if self.temporary:
            shutil.rmtree(self.path, ignore_errors=True)

    def erase(self) -> None:
        """Remove what the servers keep here, and what Postgres keeps for this folder in /var/tmp."""
        for name in ("postgres", "valkey", "sqs", "logs", "metrics", "traces"):
            _remove(self.part(name))
        if os.geteuid() == 0:
            _remove(elsewhere(self.part("postgres")))


def _is_ours(path: Path) -> bool:
    """Whether its mode is ours to choose: it is new, private, or has been an engine's before."""
    try:
        return not any(path.iterdir()) or (path / ENGINE).exists() or is_private(path)
    except FileNotFoundError:
        return True
    except OSError:  # which `Lock` explains
        return False


def _remove(path: Path) -> None:
    try:
        if path.exists():
            shutil.rmtree(path)
    except OSError as error:
        raise ServiceError(f"{path} could not be removed: {error.strerror}.") from None


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
        return os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o600)
    except PermissionError:
        raise not_ours(folder) from None
    except OSError as error:
        raise ServiceError(
            f"{folder} cannot hold the servers' files: {error.strerror}. Choose another folder with --state."
        ) from None


def _flock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_pid(descriptor: int) -> int | None:
    return int(os.pread(descriptor, 20, 0) or 0) or None
