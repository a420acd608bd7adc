"""Every template against checkov's policies; no check is left out but those that a resource skips by itself.

Checkov rates a finding's severity only where it is connected to its vendor's platform, so here every check
counts. A resource's skipped checks are in its metadata, with the reason.

Its pins contradict ours, so it lives in an environment of its own, which is made when it is first needed:
`python -m local.environments checkov`. `CHECKOV` names another one. Its report of the same templates by the
same checkov is kept in checkov.json, beside this file; a run over changed templates writes it again.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra.package import Package
from local.environments import REQUIREMENTS, environment
from tests.infra.resolved import SEPARATE, load

OPTIONS = ["--framework", "cloudformation", "--skip-download", "--compact", "--output", "json"]
KEPT = Path(__file__).with_name("checkov.json")  # the newest report, with the hash of what it is about

Finding = tuple[str, str]


def program() -> Path:
    """The path of checkov. Raises ServiceError with how to install it."""
    given = os.environ.get("CHECKOV")
    return Path(given) if given else environment("checkov") / "checkov"


@pytest.fixture(scope="module")
def templates(merged: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {"engine": merged, **{path.stem: load(path.name) for path in SEPARATE}}


@pytest.fixture(scope="module")
def report(
    package: Package,
    templates: dict[str, dict[str, Any]],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """What checkov finds in all templates, as they are and without their skips.

    They go in one run, as its start is most of its time.
    """
    folder = tmp_path_factory.mktemp("checkov")
    paths = [package.template, *SEPARATE]
    for name, template in sorted(templates.items()):
        paths.append(folder / f"{name}-without-skips.json")
        paths[-1].write_text(json.dumps(without_skips(template)))
    key = hash_of(REQUIREMENTS["checkov"], *paths)
    kept: dict[str, Any] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    if kept.get("key") == key:
        return dict(kept["report"])
    done = subprocess.run(
        [program(), *OPTIONS, "--file", *map(str, paths)], capture_output=True, text=True, timeout=110
    )
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["summary"]["parsing_errors"] == 0
    report = {outcome: [summary(item) for item in items] for outcome, items in found["results"].items()}
    KEPT.write_text(json.dumps({"key": key, "report": report}, indent=0) + "\n")
    return report


def summary(item: dict[str, Any]) -> list[str]:
    """A finding's check, resource, file, and name or reason of its skip."""
    reason = item["check_result"].get("suppress_comment") or item["check_name"]
    return [item["check_id"], item["resource"], Path(item["file_path"]).name, reason]


def hash_of(*paths: Path) -> str:
    """A hash of these files, and of checkov's options."""
    digest = hashlib.sha256(" ".join(OPTIONS).encode())
    for path in paths:
        digest.update(f"\n{path.name} {path.stat().st_size}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def without_skips(template: dict[str, Any]) -> dict[str, Any]:
    resources = {
        name: {key: value for key, value in resource.items() if key != "Metadata"}
        for name, resource in template["Resources"].items()
    }
    return template | {"Resources": resources}


def findings(report: dict[str, Any], outcome: str, *, without_skips: bool = False) -> dict[Finding, str]:
    """(check, resource) → the check's name, or the reason why it is skipped."""
    return {
        (check, resource): reason
        for check, resource, file, reason in report[outcome]
        if file.endswith("-without-skips.json") == without_skips
    }


def test_no_check_fails(report: dict[str, Any]) -> None:
    assert findings(report, "failed_checks") == {}


def test_every_template_was_checked(report: dict[str, Any], package: Package) -> None:
    checked = {file for _, _, file, _ in report["passed_checks"]}
    assert checked >= {path.name for path in (package.template, *SEPARATE)}


def test_every_skipped_check_has_a_reason(report: dict[str, Any]) -> None:
    for skipped, reason in findings(report, "skipped_checks").items():
        assert len(reason.split()) > 3, skipped


def test_only_checks_that_would_fail_are_skipped(report: dict[str, Any]) -> None:
    """A skip of a check that would pass is no longer needed."""
    failing = findings(report, "failed_checks", without_skips=True).keys()
    assert failing
    assert findings(report, "skipped_checks").keys() == failing
