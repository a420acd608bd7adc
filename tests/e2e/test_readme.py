"""What the READMEs say is so: their tables name what the code holds, their links lead somewhere."""

from __future__ import annotations

import re
import subprocess
from dataclasses import fields
from pathlib import Path

import app as functions
import pytest
from chalicelib.config import Config

from local import FUNCTIONS, ROOT
from tests.e2e import readme
from tests.e2e.life import AGAIN, FIELDS, FIRST, OWN

TESTS = ROOT / "tests"
CODE = re.compile(r"""\bcode(?:: \S+)? ?= ?"([A-Z_]+)\"""")
INTERNAL = {
    "ILLEGAL_TRANSITION",
    "INVALID_REQUEST",
    "ATTEMPT_FAILED",
    "SIGNING_REFUSED",
    "LIMIT_REACHED",
    "CLAIM_LOST",
}  # roots of families, and a matter among workers
ADMINISTRATORS = {
    "INVALID_ACCOUNT",
    "INVALID_NAME",
    "INVALID_REASON",
    "INVALID_SCOPE",
    "KEY_NOT_FOUND",
    "NOT_HALTABLE",
}
"""Of the function `admin`, which no client reaches."""


def codes(*folders: Path) -> set[str]:
    """Every error code that stands in the sources."""
    sources = [path.read_text() for folder in folders for path in folder.rglob("*.py")]
    return {code for source in sources for code in CODE.findall(source)}


def test_the_tables_of_errors_list_every_code_that_there_is_and_no_other() -> None:
    listed = set(readme.in_tables(readme.section("Errors"), "[A-Z_]{4,}"))
    assert listed == codes(FUNCTIONS, ROOT / "local" / "gateway") - INTERNAL - ADMINISTRATORS


def test_the_table_of_settings_lists_every_setting_with_its_default() -> None:
    listed = re.findall(r"^\| `([A-Z_]+)` \| (–|`[^`]*`) \|", readme.section("Settings"), re.MULTILINE)
    held = [
        (item.name.upper(), f"`{item.default}`" if item.default != "" else "–") for item in fields(Config)
    ]
    assert listed == held


def test_the_table_of_requests_lists_every_route_of_the_api() -> None:
    listed = {
        span.partition("?")[0]
        for span in readme.in_tables(readme.section("HTTP API"), "(GET|POST|DELETE) .*")
    }
    routes = {
        f"{method} {path}"
        for path, methods in functions.app.routes.items()
        for method in methods
        if method != "HEAD"  # GET without the body
    }
    assert {request.replace("{orderId}", "{order_id}") for request in listed} == routes


@pytest.mark.parametrize("status", [*AGAIN, *FIELDS])
def test_the_table_of_events_names_every_field(status: str) -> None:
    [row] = re.findall(rf"^\| `{status}` \| (.*) \|$", readme.section("Events"), re.MULTILINE)
    said = set(re.findall(r"\w+", row))
    assert (FIELDS[status] if status in FIELDS else (FIRST | OWN).union(*AGAIN[status])) <= said


def test_the_list_of_readmes_is_complete_and_the_front_links_to_each() -> None:
    others = [path for path in ROOT.glob("*/README.md") if not path.parent.name.startswith(".")]
    assert {readme.FRONT, readme.CLIENT, *others} == set(readme.ALL)
    assert {str(path.relative_to(ROOT)) for path in others} <= set(readme.links(readme.FRONT))


def test_the_front_can_be_read_standing() -> None:
    assert len(readme.text(readme.FRONT).splitlines()) <= 200


@pytest.mark.parametrize(
    "document", (*readme.ALL, readme.SECURITY), ids=lambda document: str(document.relative_to(ROOT))
)
def test_every_link_leads_somewhere(document: Path) -> None:
    for link in readme.links(document):
        path, _, anchor = link.partition("#")
        if "://" not in path:
            target = document.parent / path if path else document
            assert target.exists(), link
            assert not anchor or anchor in readme.anchors(target), link


@pytest.mark.parametrize("block", readme.blocks("bash", *readme.ALL, readme.SECURITY))
def test_what_needs_docker_aws_or_minutes_is_at_least_well_formed(block: str) -> None:
    subprocess.run(["bash", "-n"], input=block, text=True, check=True, timeout=10)


def test_what_is_promised_is_shown_by_tests_that_there_are() -> None:
    named = re.findall(
        r"\[(test_\w+)\]\((tests/\S+\.py)\)", readme.section("What is promised, and under which fault")
    )
    assert named
    for name, path in named:
        assert f"def {name}(" in (ROOT / path).read_text()


def test_what_stops_an_attempt_is_shown_by_tests_that_there_are() -> None:
    named = re.findall(r"\[(test_\w+)\]\((\S+\.py)\)", readme.text(readme.SECURITY))
    assert named
    for name, path in named:
        assert f"def {name}(" in (readme.SECURITY.parent / path).read_text(), name


def test_the_table_of_tests_has_every_folder_of_tests_and_commands_that_find_them() -> None:
    table = readme.section("The kinds of test")
    folders = {path.relative_to(TESTS).parts[0] for path in TESTS.rglob("test_*.py")}
    assert {folder.rstrip("/") for folder in re.findall(r"^\| \[(\w+/)\]", table, re.MULTILINE)} == folders
    named = set(re.findall(r"pytest tests/(\w+)", table))
    assert named == folders
