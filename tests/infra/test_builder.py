"""Packaging on other machines than Lambda's, and where it can't be done."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from infra import packaging
from infra.archive import content_hash
from infra.errors import PackageError
from infra.packaging import Package, build

APP = """
from chalice import Chalice
app = Chalice(app_name="x")
@app.lambda_function()
def relay(event, context):
    pass
"""
IS_ARM = """
from pip._vendor.packaging.tags import platform_tags
assert all("aarch64" in tag for tag in platform_tags())
"""


def test_a_builder_of_another_processor_makes_the_same_package_to_the_byte(
    package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_PYTHON_HOST_PLATFORM", "linux-aarch64")  # whose wheels pip then prefers
    subprocess.run([sys.executable, "-c", IS_ARM], check=True)
    assert content_hash(build(tmp_path).zip) == content_hash(package.zip)


def test_building_leaves_the_project_as_it_was(package: Package) -> None:
    """`package` has been built by now."""
    status = ["git", "status", "--porcelain", "--ignored", "functions/.chalice"]
    done = subprocess.run(status, cwd=packaging.ROOT, capture_output=True, text=True)
    assert done.returncode or not done.stdout  # outside of git there is nothing to compare with


def test_a_requirement_that_nobody_has_ends_the_build_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    (project / ".chalice").mkdir(parents=True)
    (project / ".chalice" / "config.json").write_text(
        '{"version": "2.0", "app_name": "x", "stages": {"dev": {}}}'
    )
    (project / "app.py").write_text(APP)
    (project / "requirements.txt").write_text("psycopg==0.0.0.404\n")
    monkeypatch.setattr(packaging, "FUNCTIONS", project)
    with pytest.raises(PackageError, match=r"`chalice package` failed:[\s\S]*psycopg==0\.0\.0\.404"):
        build(tmp_path / "out", merge=None)
