"""The commands of the READMEs, as they are typed: `./local/run` in one terminal, the rest in another.

In a copy of the project. Blocks fenced as `sh` are run here; those fenced as `bash` need Docker, AWS or
minutes.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from infra.package import CACHE
from local import ROOT
from local.services import erase
from tests.e2e import readme
from tests.e2e.engine import deployed, free_port

NEW_MINT = "7c5b4qwcrZ4xsrLiBkzd6GwZSGKXygHkcUMxoVewm38o"  # of a token not launched yet

WHAT_RUNS = ("README.md", "requirements.txt", "functions", "local", "infra")
STAY = ("./local/run up", "./local/run demo", "./local/run emulator", "./local/run bench")
PORT = 3000
BEGIN, FIRST_ORDER, *OTHERS = readme.blocks("sh", *readme.ALL)
OURS = Path(sys.prefix)


@dataclass(frozen=True)
class Terminal:
    """A shell in a copy of the project, where an engine serves on `port`."""

    folder: Path
    port: int

    @property
    def environ(self) -> dict[str, str]:
        """The environment: packages are here already, and orders need not take seconds."""
        venv = OURS if (OURS / ".installed").exists() else ROOT / ".venv"
        here = {"VENV": str(venv), "SIM_LATENCY": "0.1", "NO_PROXY": "*"}
        if self.port != PORT:
            here |= {"PORT": str(self.port), "ENGINE_URL": f"http://127.0.0.1:{self.port}"}
        return os.environ | here

    def type(self, commands: str) -> str:
        """What the commands print; they must succeed."""
        done = subprocess.run(
            ["/bin/sh", "-e"],
            input=commands.replace(f":{PORT}", f":{self.port}"),
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}\n{self.log.read_text()}"
        return done.stdout

    @property
    def log(self) -> Path:
        """What the engine in the first terminal has said."""
        return self.folder / "engine.log"


@pytest.fixture(scope="module")
def terminal() -> Iterator[Terminal]:
    """A second terminal beside the one where `./local/run` was typed."""
    if deployed():
        pytest.skip("the commands are about this machine")
    if shutil.which("curl") is None:
        pytest.skip("there is no curl")
    folder = Path(tempfile.mkdtemp(prefix="order-engine-readme-"))
    folder.chmod(0o711)  # root's Postgres user must come through
    for name in WHAT_RUNS:
        _copy(ROOT / name, folder / name)
    if CACHE.exists():  # the second build of a package is as good as the first, and sooner done
        _copy(CACHE, folder / ".local" / CACHE.name)
    terminal = Terminal(folder, PORT if _is_free(PORT) else free_port())
    with terminal.log.open("wb") as output:
        engine = subprocess.Popen(
            ["./local/run"], cwd=folder, env=terminal.environ, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        _await(terminal.port, engine, terminal.log)
        yield terminal
    finally:
        engine.terminate()
        engine.wait(30)
        erase(folder / ".local")
        shutil.rmtree(folder)


def test_there_are_two_commands_to_begin_with() -> None:
    assert [line.split()[0] for line in BEGIN.splitlines()] == ["./local/run", "./local/test"]
    assert all(os.access(ROOT / command, os.X_OK) for command in ("local/run", "local/test"))


def test_a_first_order_is_submitted_watched_and_shown(terminal: Terminal) -> None:
    output = terminal.type(FIRST_ORDER)
    steps = ["pending", "routing", "building", "submitted", "confirmed"]
    places = [output.index(step) for step in steps]
    assert places == sorted(places)


@pytest.mark.parametrize("block", OTHERS)
def test_every_other_block_does_what_it_should(terminal: Terminal, block: str) -> None:
    assert terminal.type(block)


def test_every_command_of_the_tables_works(terminal: Terminal) -> None:
    tables = "\n".join(map(readme.text, readme.ALL))
    spans = readme.in_tables(tables, r"\./local/run .+|curl .+")
    commands = [span for span in spans if not span.startswith(STAY)]
    assert len(commands) >= 6
    shown = terminal.type("./local/run submit SOL USDC 1.5 --json")
    order_id = shown.split('"orderId": "')[1].split('"')[0]
    for command in commands:
        assert terminal.type(command.replace("ORDER", order_id).replace("MINT", NEW_MINT)), command


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "deployments"))
    else:
        shutil.copy(source, target)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _await(port: int, engine: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    with httpx.Client(trust_env=False) as http:
        while True:
            try:
                if http.get(f"http://127.0.0.1:{port}/health").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            assert engine.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
