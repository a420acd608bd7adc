"""`doctor` where all is well, and where one thing after the other is not."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from chalicelib.config import Config

from local import ROOT
from local.cli import doctor
from local.cli.findings import Finding, Verdict
from tests.integration.local.cli.test_cli import Up, confirmed, local


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    up = Up(tmp_path_factory.mktemp("doctor") / "state", "--latency=0")
    try:
        yield up
    finally:
        up.ends(signal.SIGTERM)
        up.leaves_nothing()


def wrong(found: Iterator[Finding] | list[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.verdict is not Verdict.WELL]


def found(state: Path, **environ: str) -> Mapping[str, Finding]:
    return {finding.what: finding for finding in doctor.findings(state, environ)}


def test_an_engine_that_runs_is_well_in_every_thing(engine: Up) -> None:
    confirmed(engine)
    done = local("doctor", "--json", "--state", str(engine.state))
    said = {each["what"]: each["verdict"] for each in json.loads(done.stdout)}
    assert done.returncode == 0
    assert set(said.values()) == {"ok"}
    assert {"Python", "packages", "settings", "state", "Postgres", "Valkey", "SQS"} < said.keys()
    assert {"engine", "health", "schema"} < said.keys()


def test_before_a_start_nothing_is_made(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
        taken = found(tmp_path / "state", PORT=port)["engine"]
    assert taken.verdict is Verdict.WRONG and "up --port" in taken.mend
    assert found(tmp_path / "state", PORT=port)["engine"].verdict is Verdict.WELL
    assert found(tmp_path / "state", PORT="x")["engine"].verdict is Verdict.WRONG
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("name", "what"), [("DATABASE_URL", "Postgres"), ("REDIS_URL", "Redis"), ("AWS_ENDPOINT_URL", "SQS")]
)
def test_a_server_of_ones_own_that_does_not_answer_is_named(tmp_path: Path, name: str, what: str) -> None:
    scheme = {"DATABASE_URL": "postgresql", "REDIS_URL": "redis"}.get(name, "http")
    finding = found(tmp_path, **{name: f"{scheme}://user:secret@127.0.0.1:1/"})[what]
    assert finding.verdict is Verdict.WRONG
    assert name in finding.said + finding.mend
    assert "secret" not in finding.said


def test_a_setting_that_cannot_be_read_or_is_unknown_is_named(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("# a comment\nexport SIM_LATENCI=0\nPORT=3001\n")
    [unread, unknown] = doctor.chosen_settings({"SIM_LATENCY": "fast"}, dotenv)
    assert unread.verdict is Verdict.WRONG and "SIM_LATENCY='fast'" in unread.said
    assert (unknown.verdict, unknown.said) == (Verdict.NOTE, "SIM_LATENCI is no setting of the engine")
    assert unknown.mend == "SIM_LATENCY is one"


def test_every_setting_is_known() -> None:
    known = doctor.KNOWN.findall((ROOT / ".env.example").read_text())
    assert {name.upper() for name in Config.__dataclass_fields__} <= {*known}


def test_a_full_disk_and_a_missing_package_are_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LEAST_DISK_MB", 2**40)
    assert [finding.what for finding in wrong(doctor.folder(tmp_path))] == ["state"]
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("click==0.1\nnowhere-to-be-found[extra]==1.0\n")
    monkeypatch.setattr(doctor, "REQUIREMENTS", requirements)
    [finding] = wrong(doctor.this_machine())
    assert "click" in finding.said and "nowhere-to-be-found is missing" in finding.said


def test_what_health_says_is_passed_on() -> None:
    letters = {"count": 2, "oldestSeconds": 3}
    ill = {"status": "degraded", "database": "ok", "redis": "unavailable", "queue": "ok"}
    [health, dead] = doctor.parts_of({**ill, "deadLetters": letters})
    assert (health.verdict, dead.verdict) == (Verdict.WRONG, Verdict.NOTE)
    assert "redis is unavailable" in health.said
    assert "dlq redrive" in dead.mend
