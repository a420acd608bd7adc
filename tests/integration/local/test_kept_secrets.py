"""Passwords and keys of a running engine: on no command line, in no output, in private files alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from local.services import Endpoints, find_running
from tests.e2e.engine import LocalEngine

PROCESSES = Path("/proc")


@pytest.fixture(scope="module", params=["0", "1"], ids=["one process", "three processes"])
def engine(request: pytest.FixtureRequest) -> Iterator[LocalEngine]:
    given = {"ENGINE_SEPARATE": request.param, "LOG_LEVEL": "DEBUG", "AWS_ACCESS_KEY_ID": ""}
    with LocalEngine({"SIM_LATENCY": "0", **given}) as engine:
        engine.start()
        yield engine


@pytest.fixture
def endpoints(engine: LocalEngine) -> Endpoints:
    found = find_running(engine.state)
    assert found is not None
    return found


@pytest.fixture
def secrets(endpoints: Endpoints) -> list[str]:
    """All that must not be seen."""
    assert endpoints.sqs_key and endpoints.connections_key
    urls = (endpoints.database_url, endpoints.redis_url)
    found = [urlsplit(url).password or "" for url in urls]
    found += [endpoints.sqs_key.secret, endpoints.connections_key.secret]
    assert all(len(secret) > 20 for secret in found)
    return found


@pytest.mark.skipif(not PROCESSES.exists(), reason="there is no list of processes here")
def test_no_command_line_shows_one(secrets: list[str]) -> None:
    shown = []
    for path in PROCESSES.glob("[0-9]*/cmdline"):
        try:
            shown.append(path.read_bytes().decode(errors="replace"))
        except OSError:  # it has ended
            continue
    assert any("valkey-server" in line for line in shown)
    assert not [line for line in shown if any(secret in line for secret in secrets)]


def test_no_output_shows_one(engine: LocalEngine, secrets: list[str]) -> None:
    assert "Valkey" in engine.log
    assert not [line for line in engine.log.splitlines() if any(secret in line for secret in secrets)]


def test_the_folder_is_closed_to_others(
    engine: LocalEngine, endpoints: Endpoints, secrets: list[str]
) -> None:
    # Root's Postgres is another user's, whose group may pass through on its way, and see nothing.
    passes = 0o010 if os.geteuid() == 0 else 0
    for folder in (engine.state, *engine.state.glob("*/")):
        allowed = 0o700 | (passes if folder.name in (engine.state.name, "postgres") else 0)
        mode = stat.S_IMODE(folder.stat().st_mode)
        assert not mode & ~allowed, f"{folder} has {mode:o}"
    holding = []
    for path in engine.state.rglob("*"):
        if path.is_file() and any(secret.encode() in path.read_bytes() for secret in secrets):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
            holding.append(path.name)
    assert {"endpoints.json", "engine.password", "valkey.conf", "access-key"} <= {*holding}
