"""What a check has found: shown as it comes, a line each, with what to do about what is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum

from rich.text import Text

from ..client.commands.view import dump, say, screen


class Verdict(StrEnum):
    """How it is with a thing."""

    WELL = "ok"
    NOTE = "note"  # the engine works, but perhaps not as it is meant
    WRONG = "wrong"


MARKS = {Verdict.WELL: ("✓", "green"), Verdict.NOTE: ("!", "yellow"), Verdict.WRONG: ("✗", "red")}


@dataclass(frozen=True)
class Finding:
    """What was found of a thing, and what to do about it unless all is well."""

    what: str
    verdict: Verdict
    said: str
    mend: str = ""


def show(findings: Iterable[Finding], *, as_json: bool) -> int:
    """Show them, as text while they come or all as JSON; how many are wrong."""
    found = []
    for finding in findings:
        found.append(finding)
        if not as_json:
            _print(finding)
    wrong = sum(finding.verdict is Verdict.WRONG for finding in found)
    if as_json:
        dump([asdict(finding) for finding in found])
    else:
        say(f"\n{'nothing is' if not wrong else '1 thing is' if wrong == 1 else f'{wrong} things are'} wrong")
    return wrong


def _print(finding: Finding) -> None:
    console = screen()
    console.print(
        Text.assemble(MARKS[finding.verdict], f" {finding.what:<13} {finding.said}"), soft_wrap=True
    )
    if finding.mend:
        console.print(Text(f"{'':16}→ {finding.mend}"), soft_wrap=True)
