"""Which browser is used, and that there need not be one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.security.browser import NoBrowser, find_chromium


def program(folder: Path, name: str) -> Path:
    path = folder / name
    path.touch(mode=0o755)
    return path


def test_the_chromium_of_the_machine_is_used_or_the_one_that_is_named(tmp_path: Path) -> None:
    found, named = program(tmp_path, "chromium"), program(tmp_path, "another")
    assert find_chromium({"PATH": str(tmp_path)}) == str(found)
    assert find_chromium({"PATH": str(tmp_path), "CHROMIUM": str(named)}) == str(named)


def test_without_one_the_reason_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(NoBrowser, match="apt-get install chromium"):
        find_chromium({"PATH": str(tmp_path)})


def test_in_ci_there_is_none(tmp_path: Path) -> None:
    program(tmp_path, "chromium")
    with pytest.raises(NoBrowser, match="CI"):
        find_chromium({"PATH": str(tmp_path), "CI": "true"})
