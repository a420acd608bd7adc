"""The front README and those of the folders, as a test reads them: blocks, tables, links."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from local import ROOT

FRONT = ROOT / "README.md"
INFRA = ROOT / "infra" / "README.md"
TESTS = ROOT / "tests" / "README.md"
CLIENT = ROOT / "local" / "client" / "README.md"
SECURITY = ROOT / "infra" / "SECURITY.md"
ALL = (FRONT, ROOT / "functions" / "README.md", ROOT / "local" / "README.md", CLIENT, INFRA, TESTS)


@cache
def text(document: Path) -> str:
    """All of it."""
    return document.read_text()


def blocks(language: str, *documents: Path) -> list[str]:
    """The contents of the blocks that are fenced as `language`."""
    fenced = re.compile(rf"^```{language}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return [block for document in documents for block in fenced.findall(text(document))]


def section(title: str) -> str:
    """What stands below a heading that only one of the READMEs has, up to the next heading."""
    below = re.compile(rf"^#+ {re.escape(title)}$\n(.*?)(?=^#{{1,6}} |\Z)", re.MULTILINE | re.DOTALL)
    found = [part for document in ALL for part in below.findall(text(document))]
    assert len(found) == 1, f"{len(found)} sections of the READMEs are called {title!r}"
    return found[0]


def in_tables(part: str, pattern: str) -> list[str]:
    """The code spans in the tables of `part` that match."""
    rows = "\n".join(line for line in part.splitlines() if line.startswith("|"))
    return [span for span in re.findall(r"`([^`]+)`", rows) if re.fullmatch(pattern, span)]


def links(document: Path) -> list[str]:
    """Where it links to."""
    return re.findall(r"\]\(([^)\s]+)\)", text(document))


def anchors(document: Path) -> set[str]:
    """The headings, as links name them."""
    prose = re.sub(r"```.*?```", "", text(document), flags=re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
