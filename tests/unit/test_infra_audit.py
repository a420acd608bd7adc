"""What `python -m infra audit` makes of what pip-audit says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from infra.audit import ask, verdict
from local.client.commands.terminal import Failure, NotDone

SOUND = {"name": "redis", "version": "8.1.0", "vulns": []}
SKIPPED = {"name": "cffi", "skip_reason": "Dependency not found on PyPI and could not be audited"}
FLAWED = {
    "name": "pynacl",
    "version": "1.6.2",
    "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["1.6.3"], "aliases": [], "description": ""}],
}


def test_all_that_were_asked_about_and_are_sound_are_counted() -> None:
    assert verdict([SOUND, SOUND]) == "2 packages, and no vulnerability of one is known"


def test_a_known_vulnerability_is_named_with_the_version_that_mends_it() -> None:
    with pytest.raises(Failure, match=r"pynacl 1\.6\.2: PYSEC-2026-1, mended in 1\.6\.3") as failure:
        verdict([SOUND, SKIPPED, FLAWED])
    assert failure.value.exit_code == 1


@pytest.mark.parametrize("found", [[SOUND, SKIPPED], []])
def test_what_could_not_be_asked_about_is_no_clean_bill(found: list[dict[str, object]]) -> None:
    with pytest.raises(NotDone, match="could not be asked") as failure:
        verdict(found)
    assert failure.value.exit_code == 2


def test_a_database_that_is_out_of_reach_is_said_plainly(tmp_path: Path) -> None:
    program = tmp_path / "pip-audit"
    program.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('Failed to resolve pypi.org')\n")
    program.chmod(0o755)
    with pytest.raises(NotDone, match=r"could not be asked .*: Failed to resolve pypi\.org"):
        ask(program, tmp_path / "requirements.lock")
