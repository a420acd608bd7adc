"""What `./local/run` says when the environment cannot be made, and that a ready one is left alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local import ROOT
from local.install import InstallError, install


def run(*arguments: str, command: str = "run", **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(ROOT / "local" / command), *arguments],
        env={"PATH": os.environ["PATH"], **environ},
        cwd="/",
        capture_output=True,
        text=True,
    )


def stamp(*lists: str) -> str:
    command = f"cd {ROOT} && cat {' '.join(lists)} functions/requirements.txt | cksum"
    return subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True).stdout.strip()


RUNS = ("local/requirements.txt",)
EVERYTHING = ("requirements.txt", *RUNS)


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """An environment that counts as installed; its interpreter is ours."""
    path = tmp_path / "a venv"
    (path / "bin").mkdir(parents=True)
    (path / "bin" / "python").symlink_to(sys.executable)
    (path / ".installed").write_text(stamp(*EVERYTHING) + "\n")
    return path


def test_options_without_a_command_are_those_of_up(venv: Path) -> None:
    done = run("--port", "nowhere", VENV=str(venv), PYTHONPATH=os.pathsep.join(sys.path[1:]))
    assert done.returncode == 2
    assert "Usage: ./local/run up" in done.stderr


def test_a_python_that_is_too_old_or_none_is_named(tmp_path: Path) -> None:
    done = run(PYTHON="/bin/false", VENV=str(tmp_path / "venv"))
    assert done.returncode == 1
    assert done.stderr == "PYTHON=/bin/false is not a Python 3.11 or newer that runs.\n"
    assert not (tmp_path / "venv").exists()


def test_no_python_at_all_says_which_is_needed(tmp_path: Path) -> None:
    for name in ("dirname", "cat", "cksum"):
        found = subprocess.run(["/bin/sh", "-c", f"command -v {name}"], capture_output=True, text=True)
        (tmp_path / name).symlink_to(found.stdout.strip())
    done = run(PATH=str(tmp_path), VENV=str(tmp_path / "venv"))
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed" in done.stderr


@pytest.mark.parametrize("lists", [RUNS, EVERYTHING])
def test_a_ready_environment_is_used_from_any_folder_and_nothing_is_said(
    venv: Path, lists: tuple[str, ...]
) -> None:
    (venv / ".installed").write_text(stamp(*lists) + "\n")
    (venv.parent / "local").mkdir()
    done = subprocess.run(
        ["/bin/sh", str(ROOT / "local" / "run"), "--help"],
        env={**os.environ, "VENV": str(venv), "PYTHONPATH": os.pathsep.join(sys.path[1:])},
        cwd=venv.parent,  # where a folder called `local` lies
        capture_output=True,
        text=True,
    )
    assert "installing" not in done.stderr
    assert not (venv / ".lock").exists()


def test_what_only_runs_the_engine_is_not_enough_to_check_it(venv: Path) -> None:
    (venv / ".installed").write_text(stamp(*RUNS) + "\n")
    done = run("--quick", command="test", VENV=str(venv), PYTHON="/bin/false")
    assert done.returncode == 1
    assert "PYTHON=/bin/false" in done.stderr  # which is where an install begins


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_the_help_of_the_test_command_comes_at_once_and_sets_nothing_up(tmp_path: Path, option: str) -> None:
    done = run(option, command="test", PYTHON="/bin/false", VENV=str(tmp_path / "venv"))
    assert (done.returncode, done.stderr) == (0, "")
    assert {"Usage:", "Examples:", "--quick"} <= set(done.stdout.split())
    assert not (tmp_path / "venv").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_environment_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InstallError, match="VENV="):
        install(tmp_path / "venv", "stamp", ROOT / "requirements.txt")


def test_an_environment_that_another_run_has_completed_is_left_alone(venv: Path) -> None:
    install(venv, stamp(*EVERYTHING), ROOT / "requirements.txt")
    assert {path.name for path in venv.iterdir()} == {".installed", ".lock", "bin"}
