"""`python -m tests.security`: make every attempt, and print what came of it. Exits 1 if one was let in."""

from __future__ import annotations

import asyncio
import sys

from rich.console import Console
from rich.table import Table

from tests.security import page_attempts  # noqa: F401 - adds its own
from tests.security.attempts import ATTEMPTS, LetIn
from tests.security.browser import NoBrowser
from tests.security.world import World


async def main(console: Console) -> int:
    """The number of attempts that were let in."""
    table = Table("attempt", "outcome", "let in", box=None, pad_edge=False)
    let_in = skipped = 0
    async with World() as world:
        for name, made in ATTEMPTS.items():
            console.print(f"[dim]{name} …[/dim]")
            try:
                outcome, got_in = await made(world), False
            except LetIn as found:
                outcome, got_in = str(found), True
            except NoBrowser as reason:
                table.add_row(name, f"[dim]not tried: {reason}[/dim]", "–")
                skipped += 1
                continue
            let_in += got_in
            table.add_row(name, outcome, "YES" if got_in else "no")
    console.print(table)
    console.print(
        f"{len(ATTEMPTS)} attempts, {let_in} let in" + (f", {skipped} not tried" if skipped else "")
    )
    return let_in


if __name__ == "__main__":
    sys.exit(1 if asyncio.run(main(Console())) else 0)
