"""Every template against checkov's policies; no check is left out but those that a resource skips by itself.

Checkov knows how severe a finding is only where it is connected to its makers' platform, so here every check
counts. What is skipped is said in the template, beside what it is about, with the reason.

Its pins contradict ours, so it lives in an environment of its own, which is made when it is first needed:
`python -m local.environments checkov`. `CHECKOV` names another one.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra.package import ENGINE, Package
from local.environments import environment
from tests.infra.resolved import TEMPLATES, load

SEPARATE = [path for path in TEMPLATES.iterdir() if path != ENGINE]

Finding = tuple[str, str]


@pytest.fixture(scope="module")
def checkov() -> Path:
    """The program. Raises ServiceError, which says how to install it."""
    given = os.environ.get("CHECKOV")
    return Path(given) if given else environment("checkov") / "checkov"


@pytest.fixture(scope="module")
def templates(merged: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {"engine": merged, **{path.stem: load(path.name) for path in SEPARATE}}


@pytest.fixture(scope="module")
def report(
    checkov: Path,
    package: Package,
    templates: dict[str, dict[str, Any]],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """What checkov finds in all templates, as they are and without their skips.

    They go in one run, as its start is most of its time.
    """
    folder = tmp_path_factory.mktemp("checkov")
    paths = [package.template, *SEPARATE]
    for name, template in templates.items():
        paths.append(folder / f"{name}-without-skips.json")
        paths[-1].write_text(json.dumps(without_skips(template)))
    arguments = ["--framework", "cloudformation", "--skip-download", "--compact", "--output", "json"]
    done = subprocess.run(
        [checkov, *arguments, "--file", *map(str, paths)], capture_output=True, text=True, timeout=110
    )
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["summary"]["parsing_errors"] == 0
    return found


def without_skips(template: dict[str, Any]) -> dict[str, Any]:
    resources = {
        name: {key: value for key, value in resource.items() if key != "Metadata"}
        for name, resource in template["Resources"].items()
    }
    return template | {"Resources": resources}


def findings(report: dict[str, Any], outcome: str, *, without_skips: bool = False) -> dict[Finding, str]:
    """(check, resource) → the check's name, or the reason why it is skipped."""
    return {
        (item["check_id"], item["resource"]): item["check_result"].get("suppress_comment")
        or item["check_name"]
        for item in report["results"][outcome]
        if item["file_path"].endswith("-without-skips.json") == without_skips
    }


def test_no_check_fails(report: dict[str, Any]) -> None:
    assert findings(report, "failed_checks") == {}


def test_every_template_was_checked(report: dict[str, Any], package: Package) -> None:
    checked = {Path(item["file_path"]).name for item in report["results"]["passed_checks"]}
    assert checked >= {path.name for path in (package.template, *SEPARATE)}


def test_every_skip_says_why(report: dict[str, Any]) -> None:
    for skipped, reason in findings(report, "skipped_checks").items():
        assert len(reason.split()) > 3, skipped


def test_what_is_skipped_is_what_would_fail(report: dict[str, Any]) -> None:
    """A skip of a check that passes has outlived its reason."""
    failing = findings(report, "failed_checks", without_skips=True).keys()
    assert failing
    assert findings(report, "skipped_checks").keys() == failing
