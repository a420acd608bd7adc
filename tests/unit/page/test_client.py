"""The client library in JavaScript: its tests run in Node, its types are checked by TypeScript."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.page.node import node

PAGE = Path(__file__).parents[3] / "functions" / "chalicelib" / "page"
STRICT = (
    *("--noEmit", "--allowJs", "--checkJs", "--strict", "--skipLibCheck"),
    *("--target", "es2022", "--module", "es2022", "--moduleResolution", "bundler"),
    *("--lib", "es2023,dom,dom.iterable"),
)


def test_the_client_library_in_node() -> None:
    tests = Path(__file__).with_name("client.test.mjs")
    done = subprocess.run([node(), "--test", str(tests)], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout


def test_its_types_are_right() -> None:
    tsc = shutil.which("tsc")
    if tsc is None:
        pytest.skip("there is no tsc; npm install --global typescript")
    entries = [str(PAGE / name) for name in ("page.js", "docs.js")]
    done = subprocess.run([tsc, *STRICT, *entries], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout
