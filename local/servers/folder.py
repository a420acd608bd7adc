"""Where the servers' files lie: a temporary folder, or one that stays and that we have for ourselves."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from .account import elsewhere
from .errors import ServiceError
from .lock import Lock


class Folder:
    """`Folder(path)` takes the folder for this process; `Folder(None)` makes one that goes on `close()`."""

    def __init__(self, path: Path | None) -> None:
        self.temporary = path is None
        self._lock: Lock | None = None
        if path is None:
            self.path = Path(tempfile.mkdtemp(prefix="order-engine-")).resolve()
        else:
            self.path = path.resolve()
            self._lock = Lock(self.path)
        if os.geteuid() == 0:  # Postgres has another user then, who must come through
            self.path.chmod(self.path.stat().st_mode | 0o011)

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
        for name in ("postgres", "valkey", "sqs"):
            _remove(self.part(name))
        if os.geteuid() == 0:
            _remove(elsewhere(self.part("postgres")))


def _remove(path: Path) -> None:
    try:
        if path.exists():
            shutil.rmtree(path)
    except OSError as error:
        raise ServiceError(f"{path} could not be removed: {error.strerror}.") from None
