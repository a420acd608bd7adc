"""`up --reload` on a copy of the project whose functions are edited."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from local import ROOT
from tests.integration.local.cli.test_cli import LONGEST_S, environment, until

DESCRIPTION = re.compile(r'description="(Market, .+)"')
BROKEN = "def index("


class Copy:
    """The project in a folder of its own, with an engine that reloads it."""

    def __init__(self, folder: Path, *, before: Callable[[], None] = lambda: None) -> None:
        for part in ("functions", "local"):
            shutil.copytree(ROOT / part, folder / part)
        before()
        self.edited = folder / "functions" / "chalicelib" / "api" / "wire" / "answers.py"
        self._log = folder / "log"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "local", "up", "--reload", "--port=0", "--latency=0"],
                env=environment(PYTHONPATH=str(folder)),
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        until(lambda: "watching functions/" in self.said or self.process.poll() is not None, "serving")
        [self.url] = re.findall(r"serving on (\S+)", self.said)

    @property
    def said(self) -> str:
        return self._log.read_text()

    def description(self) -> str | None:
        """What the engine says of itself, or None while it does not answer."""
        try:
            found = httpx.get(f"{self.url}/", trust_env=False).json()
            return found.get("description")  # an error has none, while its processes start again
        except httpx.TransportError:
            return None


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Copy]:
    copy = Copy(tmp_path)
    try:
        yield copy
    finally:
        copy.process.send_signal(signal.SIGINT)
        assert copy.process.wait(LONGEST_S) == 0


def test_the_functions_that_are_saved_are_those_that_answer(copy: Copy) -> None:
    written = copy.edited.read_text()
    [before] = DESCRIPTION.findall(written)
    assert copy.description() == before

    copy.edited.write_text(DESCRIPTION.sub('description="Edited."', written))
    until(lambda: copy.description() == "Edited.", "the new code")
    until(lambda: "reloaded: functions/chalicelib/api/wire/answers.py\n" in copy.said, "the message")

    copy.edited.write_text(BROKEN)
    until(lambda: "SyntaxError" in copy.said, "the error")
    copy.edited.write_text(written)
    until(lambda: copy.description() == before, "the mended code")
