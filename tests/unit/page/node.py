"""Node, for tests of what runs in it; they are skipped where there is none."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

OLDEST = 20


def node() -> str:
    """The path of Node. Skips the test, saying why, where there is none that is new enough."""
    found = shutil.which("node")
    if found is None:
        pytest.skip(f"there is no Node; install version {OLDEST} or newer")
    said = subprocess.run([found, "--version"], capture_output=True, text=True).stdout
    version = re.match(r"v(\d+)", said)
    if version is None or int(version[1]) < OLDEST:
        pytest.skip(f"Node says that it is {said.strip()!r}; install version {OLDEST} or newer")
    return found
