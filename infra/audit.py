"""`audit`: whether a vulnerability of a packaged dependency is known, asked of PyPI's own database.

pip-audit takes "not found" for an answer and exits with 0, so a mirror of PyPI that knows no vulnerabilities
would pass for a clean bill. Here what could not be asked about is not done.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from local.client.commands.terminal import Failure, NotDone, counted
from local.environments import environment
from local.errors import ServiceError

from .package import FUNCTIONS, LOCK, LOCKS_OF_WORLDS

OPTIONS = ("--require-hashes", "--disable-pip", "--format", "json", "--progress-spinner", "off")


@click.command()
def audit() -> None:
    """Ask PyPI whether a vulnerability of a packaged dependency is known, those of stages on Solana too.

    Needs https://pypi.org itself; a mirror of it may know none. Exits with 1 if there is one, and with 2 if
    a dependency could not be asked about.
    """
    try:
        program = environment("audit") / "pip-audit"
    except ServiceError as error:
        raise NotDone(f"pip-audit could not be installed: {error}") from error
    locks = (LOCK, *LOCKS_OF_WORLDS.values())
    click.echo(verdict([each for lock in locks for each in ask(program, FUNCTIONS / lock)]))


def ask(program: Path, lock: Path) -> list[dict[str, Any]]:
    """What pip-audit says of each dependency. Raises NotDone if it can't."""
    done = subprocess.run([program, "--requirement", lock, *OPTIONS], capture_output=True, text=True)
    try:
        return list(json.loads(done.stdout)["dependencies"])
    except (ValueError, KeyError):
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise NotDone(f"PyPI could not be asked about known vulnerabilities: {reason}") from None


def verdict(found: Sequence[dict[str, Any]]) -> str:
    """That none is known. Raises Failure with those that are, and NotDone where that is not known of all."""
    known = [
        f"  {each['name']} {each['version']}: {flaw['id']}, mended in "
        f"{', '.join(flaw['fix_versions']) or 'no version'}"
        for each in found
        for flaw in each.get("vulns", [])
    ]
    if known:
        raise Failure("\n".join(["Vulnerabilities are known:", *known]))
    skipped = [each for each in found if "skip_reason" in each]
    if skipped or not found:
        names = ", ".join(each["name"] for each in skipped) or "any"
        raise NotDone(
            f"PyPI's database could not be asked about {len(skipped)} of {counted(len(found), 'package')} "
            f"({names}): is it a mirror that answers, or a proxy? Nothing is known of them."
        )
    return f"{counted(len(found), 'package')}, and no vulnerability of one is known"
