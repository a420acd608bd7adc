"""Dependency rules: which part may import which, checked in the source."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

FUNCTIONS = Path(__file__).parents[2] / "functions"
LIBRARY = FUNCTIONS / "chalicelib"

PURE = {"__future__", "collections", "dataclasses", "datetime", "decimal", "enum", "re", "typing", "uuid"}
ALLOWED = {  # part → the parts that it may import
    "domain": {"domain"},
    "ports": {"domain", "ports"},
    "services": {"domain", "ports", "services", "logs"},
    "api": {
        "domain",
        "ports.activity",
        "ports.live",
        "ports.metrics",
        "ports.tracing",
        "ports.queue",
        "services",
        "api",
        "logs",
        "runtime",
    },
    "adapters": {"domain", "ports", "adapters", "batcher"},
    "adapters.solana.audit": {"domain", "ports", "adapters", "config"},
    "adapters.solana.settings": {"domain", "ports", "adapters", "config"},
    "adapters.solana.world": {"domain", "ports", "adapters", "config"},
    "simulation": {"domain", "ports", "simulation", "batcher", "config"},
    "batcher": {"domain"},
}
OUTSIDE = {
    "domain": {*PURE, "functools", "itertools", "math"},
    "ports": PURE,
    "services": sys.stdlib_module_names,
    "api": {*sys.stdlib_module_names, "chalice", "msgspec"},
    "batcher": sys.stdlib_module_names,
}


def modules() -> list[Path]:
    return sorted(path for path in FUNCTIONS.rglob("*.py") if ".chalice" not in path.parts)


CLIENT = FUNCTIONS.parent / "local" / "client"


def part(path: Path) -> str:
    """The part that a module is of; the ones that put a world together are parts of their own."""
    if not path.is_relative_to(LIBRARY):
        return ""
    parts = path.relative_to(LIBRARY).with_suffix("").parts
    return name if (name := ".".join(parts)) in ALLOWED else parts[0]


def imports(path: Path) -> Iterator[str]:
    """Every module that `path` imports, anywhere in it, by its full name."""
    package = path.relative_to(FUNCTIONS).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:
                name = f"{base}.{alias.name}"
                yield name if (FUNCTIONS / name.replace(".", "/")).with_suffix(".py").exists() else base


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(FUNCTIONS)) for path in paths]


def test_the_rules_cover_the_parts_and_find_their_imports() -> None:
    assert {part(path) for path in modules()} >= set(ALLOWED)
    assert "chalicelib.ports.store" in set(imports(LIBRARY / "services" / "execution" / "execution.py"))
    assert "chalicelib.runtime" in set(imports(LIBRARY / "api" / "http.py"))


@pytest.mark.parametrize("path", modules(), ids=names(modules()))
def test_a_part_imports_only_the_allowed_parts(path: Path) -> None:
    allowed = ALLOWED.get(part(path))
    if allowed is None:
        return  # app.py, runtime.py and their like put everything together
    for name in imports(path):
        if name.startswith("chalicelib"):
            imported = name.removeprefix("chalicelib").lstrip(".")
            assert any(imported == each or imported.startswith(f"{each}.") for each in allowed), (
                f"{path} → {name}"
            )


@pytest.mark.parametrize("path", modules(), ids=names(modules()))
def test_the_inner_parts_import_only_the_allowed_libraries(path: Path) -> None:
    outside = OUTSIDE.get(part(path))
    if outside is None:
        return
    for name in imports(path):
        root = name.partition(".")[0]
        assert root == "chalicelib" or root in outside, f"{path} → {name}"


@pytest.mark.parametrize("path", modules(), ids=names(modules()))
def test_deployed_code_imports_nothing_of_the_developers_machine(path: Path) -> None:
    assert not {name.partition(".")[0] for name in imports(path)} & {"local", "tests", "pytest"}


@pytest.mark.parametrize("path", sorted(CLIENT.rglob("*.py")), ids=lambda path: path.name)
def test_the_client_library_needs_nothing_of_the_engine(path: Path) -> None:
    libraries = {*sys.stdlib_module_names, "aiohttp", "anyio", "click", "rich", "websockets", "yarl"}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert {alias.name.partition(".")[0] for alias in node.names} <= libraries
        elif isinstance(node, ast.ImportFrom) and node.level:
            assert node.level <= len(path.relative_to(CLIENT).parts)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.module.partition(".")[0] in libraries
