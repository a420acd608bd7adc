"""The README, and that of infra/, as a test reads them: blocks, tables, links."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from local import ROOT

FRONT = ROOT / "README.md"
INFRA = ROOT / "infra" / "README.md"


@cache
def text(document: Path = FRONT) -> str:
    """All of it."""
    return document.read_text()


def blocks(language: str, document: Path = FRONT) -> list[str]:
    """The contents of the blocks that are fenced as `language`."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text(document), re.MULTILINE | re.DOTALL)


def section(title: str) -> str:
    """What stands below a heading, up to the next one of its level or above."""
    found = re.search(rf"^(#+) {re.escape(title)}$\n(.*?)(?=^#{{1,6}} |\Z)", text(), re.MULTILINE | re.DOTALL)
    assert found, f"the README has no section {title!r}"
    return found[2]


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
