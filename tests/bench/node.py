"""The baseline's folder: its sources and its npm modules, below the state folder."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from local import ROOT

SOURCES = Path(__file__).parent / "baseline"
FOLDER = ROOT / ".local" / "bench" / "baseline"
STAMP = FOLDER / ".installed"  # the lock file that the modules were installed from
INSTALLS_WITHIN_S = 300.0


class NodeError(Exception):
    """There is no baseline; the message says why."""


def is_installed() -> bool:
    """Whether node and the modules are there."""
    return bool(shutil.which("node")) and STAMP.exists() and STAMP.read_text() == _wanted()


def install(on_progress: Callable[[str], None]) -> None:
    """See that the baseline can be started. Raises NodeError."""
    for program in ("node", "npm"):
        if not shutil.which(program):
            raise NodeError(f"{program} is not installed here")
    FOLDER.mkdir(parents=True, exist_ok=True)
    for source in SOURCES.iterdir():  # beside node_modules, where node looks for them
        shutil.copy(source, FOLDER)
    if not is_installed():
        on_progress("installing the baseline's npm modules (once, about a quarter of a minute) …")
        _npm("ci", "--no-audit", "--no-fund", "--ignore-scripts", "--omit=dev")
        STAMP.write_text(_wanted())


def _npm(*arguments: str) -> None:
    try:
        done = subprocess.run(
            ["npm", *arguments],
            cwd=FOLDER,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=INSTALLS_WITHIN_S,
        )
    except subprocess.TimeoutExpired:
        raise NodeError("npm did not end in time") from None
    if done.returncode:
        last = [line for line in done.stdout.splitlines() if line.strip()][-3:]
        raise NodeError("npm could not install its modules: " + " / ".join(last))


def _wanted() -> str:
    return (SOURCES / "package-lock.json").read_text()
