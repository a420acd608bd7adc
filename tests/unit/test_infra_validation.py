"""Templates are checked once, and again when they or the checkers change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from infra import validate as module
from infra.errors import ValidationError
from infra.validate import validate

REGIONS = ["us-east-1"]


class Checker:
    """Takes the place of cfn-lint and the SAM transform."""

    def __init__(self) -> None:
        self.runs = 0
        self.finds: str | None = None

    def __call__(self, paths: Sequence[Path], regions: Sequence[str]) -> list[str]:
        self.runs += 1
        if self.finds:
            raise ValidationError(self.finds)
        return ["a warning"]


@pytest.fixture
def checker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Checker:
    checker = Checker()
    monkeypatch.setattr(module, "_check", checker)
    monkeypatch.setattr(module, "VALIDATED", tmp_path / "validated")
    return checker


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "engine.yaml"
    path.write_text("Resources: {}")
    return path


def test_a_template_that_passed_is_not_checked_again_and_keeps_its_warnings(
    checker: Checker, template: Path
) -> None:
    assert [validate([template], REGIONS) for _ in range(2)] == [["a warning"], ["a warning"]]
    assert checker.runs == 1


@pytest.mark.parametrize("changed", ["template", "region", "checker"])
def test_what_changed_is_checked_again(
    checker: Checker, template: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    validate([template], REGIONS)
    if changed == "template":
        template.write_text("Resources: {Queue: {Type: 'AWS::SQS::Queue'}}")
    if changed == "checker":
        monkeypatch.setattr("importlib.metadata.version", lambda name: "another")
    validate([template], ["eu-central-1"] if changed == "region" else REGIONS)
    assert checker.runs == 2


def test_a_template_with_an_error_is_checked_each_time(checker: Checker, template: Path) -> None:
    checker.finds = "wrong"
    for _ in range(2):
        with pytest.raises(ValidationError, match="wrong"):
            validate([template], REGIONS)
    assert checker.runs == 2


def test_where_nothing_can_be_kept_it_is_checked_each_time(
    checker: Checker, template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "VALIDATED", template / "below-a-file")
    assert [validate([template], REGIONS) for _ in range(2)] == [["a warning"], ["a warning"]]
    assert checker.runs == 2
