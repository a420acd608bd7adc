"""Make a virtual environment and install pinned requirements.

    python install.py VENV STAMP REQUIREMENTS [COMMAND …]

Run by `setup.sh` when the stamp in the environment is not STAMP. Only the standard library is there yet. Runs
that meet wait for one another; a run that was interrupted left its mark, and the next one starts over.
COMMAND is what runs next: if it is `up` and its port is taken, that is reported before anything is installed.
"""

from __future__ import annotations

import errno
import fcntl
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

DOTENV = Path(__file__).resolve().parent.parent / ".env"
PIP = "pip==26.3"  # installs in half the time that the one beside Python 3.11 takes

# Not compiled ahead of time: more than half of all, and most of it is never imported.
SELDOM_USED = "/(tests|moto|mypy|mypyc|networkx|pip|setuptools|sympy)/"


class InstallError(Exception):
    """The environment could not be made; the message says what to do."""


def install(venv: Path, stamp: str, requirements: Path, *, compiled: bool = False) -> None:
    """See that `venv` holds what `requirements` name, and `stamp` in `.installed`. Raises InstallError.

    Unless it is to be `compiled`, Python does that with what it imports, where it may.
    """
    try:
        venv.mkdir(parents=True, exist_ok=True)
        with (venv / ".lock").open("a") as lock:
            _wait_for(lock.fileno())
            if not _is_complete(venv, stamp):
                _fill(venv, stamp, requirements, compiled)
    except PermissionError as error:
        raise InstallError(
            f"{error.filename or venv} cannot be written by you, and packages must be installed there. Put "
            "the environment elsewhere: VENV=$HOME/.cache/order-engine ./local/run"
        ) from error


def check_port(
    command: Sequence[str], environ: Mapping[str, str] = os.environ, dotenv: Path = DOTENV
) -> None:
    """Raise InstallError if COMMAND is `up` and its port is taken; other mistakes are `up`'s to report."""
    if not command or command[0] != "up":
        return
    host = _option(command, "--host") or environ.get("ENGINE_HOST") or "127.0.0.1"
    port = _option(command, "--port") or environ.get("PORT") or _dotenv_port(dotenv) or "3000"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, int(port)))
            probe.listen()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise InstallError(
                f"error: Can't listen on {host}:{port}: address already in use. Stop what is using the port, "
                f"or choose another one. For example: ./local/run up --port {int(port) + 1}"
            ) from error
    except (ValueError, OverflowError):
        pass


def _option(command: Sequence[str], name: str) -> str:
    for given, next_one in pairwise([*command, ""]):
        if given == name:
            return next_one
        if given.startswith(f"{name}="):
            return given.partition("=")[2]
    return ""


def _dotenv_port(dotenv: Path) -> str:
    try:
        found = re.search(r"^\s*(?:export\s+)?PORT\s*=\s*['\"]?(\d+)", dotenv.read_text(), re.MULTILINE)
    except (OSError, ValueError):
        return ""
    return found[1] if found else ""


def _wait_for(lock: int) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _say("another run is installing: waiting for it")
        fcntl.flock(lock, fcntl.LOCK_EX)


def _is_complete(venv: Path, stamp: str) -> bool:
    done = venv / ".installed"
    return done.exists() and done.read_text().strip() == stamp and _runs(venv, "--version")


def _fill(venv: Path, stamp: str, requirements: Path, compiled: bool) -> None:
    mark = venv / ".unfinished"
    if mark.exists() or not _runs(venv, "-m", "pip", "--version"):
        _say(f"first run: installing into {venv}, some fifteen seconds or more")
        _create(venv, mark)
    else:
        _say(f"not all requirements are there: installing into {venv}")
    mark.touch()
    (venv / ".installed").unlink(missing_ok=True)
    if _pip(venv, PIP) or _pip(venv, "-r", str(requirements)):
        raise InstallError("The packages could not be installed: pip says why above. Then run this again.")
    if compiled:
        compiling = ["-m", "compileall", "-qq", "-j", "0", "-x", SELDOM_USED, "."]
        subprocess.run([_python(venv), *compiling], cwd=venv / "lib")
    (venv / ".installed").write_text(stamp + "\n")
    mark.unlink()


def _create(venv: Path, mark: Path) -> None:
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise InstallError(
            f"{sys.executable} has no venv or ensurepip. On Debian and Ubuntu: "
            f"apt install python{version}-venv. Or choose another Python: PYTHON=/path/to/python3 ./local/run"
        )
    mark.touch()
    for old in venv.iterdir():
        if old.name in (".lock", mark.name):
            continue
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        else:
            old.unlink()
    done = subprocess.run([sys.executable, "-m", "venv", venv], capture_output=True, text=True)
    if done.returncode:
        raise InstallError(f"{sys.executable} could not make {venv}:\n{done.stdout}{done.stderr}")


def _pip(venv: Path, *wanted: str) -> int:
    quietly = ["-qq", "--disable-pip-version-check", "--no-input"]
    later = "--no-compile"  # that is done by all processors at once
    return subprocess.run(
        [_python(venv), "-m", "pip", "install", *quietly, later, *wanted], stdout=sys.stderr
    ).returncode


def _runs(venv: Path, *arguments: str) -> bool:
    try:
        return subprocess.run([_python(venv), *arguments], capture_output=True).returncode == 0
    except OSError:
        return False


def _python(venv: Path) -> Path:
    return venv / "bin" / "python"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    os.environ.pop("PYTHONPATH", None)
    try:
        check_port(sys.argv[4:])
        install(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), compiled=True)
    except InstallError as failure:
        sys.exit(str(failure))
    except KeyboardInterrupt:
        sys.exit("interrupted: the next run starts over")
