"""The client library as `pip install .` installs it: the examples of its README, as they stand there."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from local import ROOT
from tests.e2e import readme
from tests.e2e.engine import Engine

STEPS = ["1 pending", "2 routing", "3 building", "4 submitted", "5 confirmed"]
BLOCKS = readme.blocks("python", readme.CLIENT)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel holds."""
    folder = tmp_path_factory.mktemp("wheel")
    build = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run([sys.executable, "-m", "pip", *build], check=True)
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run(program: str, installed: Path, engine: Engine) -> list[str]:
    """What a program prints, in whose reach are the library and what that depends on."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", program.replace("http://127.0.0.1:3000", engine.http_url)],
        env={**os.environ, "PYTHONPATH": str(installed), "ENGINE_API_KEY": engine.api_key},
        cwd=installed,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_nothing_of_the_engine_is_installed(installed: Path) -> None:
    [package, metadata] = sorted(path.name for path in installed.iterdir())
    assert (package, metadata) == ("order_engine", "order_engine-1.0.0.dist-info")
    assert "local" not in {path.name for path in installed.rglob("*")}
    assert (installed / package / "py.typed").exists()


def test_the_examples_of_the_readme_do_what_they_say(engine: Engine, installed: Path) -> None:
    first, errors, without_blocking = BLOCKS
    *steps, received = run(first, installed, engine)
    assert steps == STEPS
    assert received.startswith("received ") and received.endswith(" USDC")
    cancelled, refused = run(errors, installed, engine)
    assert cancelled == "open cancelled"
    assert refused.startswith("409 SAME_TOKEN ")
    best, placed, code, newest = run(without_blocking, installed, engine)
    assert best.startswith("best: ")
    assert (placed, code, newest) == ("pending", "SAME_TOKEN", "newest: SOL to USDC")


def test_the_command_is_that_of_the_client(engine: Engine, installed: Path) -> None:
    program = "import sys; from order_engine.commands import main; sys.argv[1:] = {}; main()"
    at = ["--url", engine.http_url]
    help = "\n".join(run(program.format(["submit", "--help"]), installed, engine))
    assert "order-engine submit SOL USDC 1.5" in help and "./local/run" not in help and "--state" not in help
    *_, last = run(
        program.format(["submit", "SOL", "USDC", "1", "--watch", "--json", *at]), installed, engine
    )
    assert '"status": "confirmed"' in last
