"""Packaging on other machines than Lambda's, and where it can't be done."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import infra.package as packaging
from infra.errors import PackageError
from infra.package import Package, build, content_hash

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
    monkeypatch.setattr(packaging, "CACHE", tmp_path / "cache")
    assert content_hash(build(tmp_path / "package").zip) == content_hash(package.zip)


def test_a_package_is_reused_for_the_same_source_and_rebuilt_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, built = tmp_path / "app.py", tmp_path / "built"
    source.write_text("1")
    built.mkdir()
    (built / "deployment.zip").write_text("of 1")
    monkeypatch.setattr(packaging, "CACHE", tmp_path / "cache")
    name = packaging.cache_key([source])
    assert not packaging.load_cached(name, tmp_path / "one")
    packaging.save_cached(name, built)
    assert packaging.load_cached(packaging.cache_key([source]), tmp_path / "two")
    assert (tmp_path / "two" / "deployment.zip").read_text() == "of 1"
    source.write_text("2")
    assert not packaging.load_cached(packaging.cache_key([source]), tmp_path / "three")


def test_only_the_newest_packages_stay_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaging, "CACHE", tmp_path / "cache")
    (tmp_path / "built").mkdir()
    for number in range(packaging.MAX_CACHED + 2):
        packaging.save_cached(f"package-{number}", tmp_path / "built")
    assert len([*packaging.CACHE.iterdir()]) == packaging.MAX_CACHED
    assert (packaging.CACHE / f"package-{packaging.MAX_CACHED + 1}").exists()


def test_building_leaves_the_project_as_it_was(package: Package) -> None:
    """`package` has been built by now."""
    status = ["git", "status", "--porcelain", "--ignored", "functions/.chalice"]
    done = subprocess.run(status, cwd=packaging.ROOT, capture_output=True, text=True)
    assert done.returncode or not done.stdout  # outside of git there is nothing to compare with


def test_a_requirement_that_does_not_exist_is_named_in_the_error(
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
