"""`up --reload`: the functions' processes start again when one of their files is saved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from .. import FUNCTIONS, ROOT
from ..errors import ServiceError
from . import SeparateEngine

MOST_NAMED = 3


async def reload_on_change(engine: SeparateEngine, say: Callable[[str], None]) -> None:
    """Reload the engine at each change below `functions/`, until cancelled."""
    changes = _changes(FUNCTIONS)
    saved = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)  # in which the watch begins: what is saved from here on is found
    say(f"watching {_name(FUNCTIONS)}/")
    while True:
        changed = await saved
        try:
            await engine.reload()
        except ServiceError as error:
            say(f"not reloaded: {error}")
        else:
            say(f"reloaded: {_names(changed)}")
        saved = asyncio.ensure_future(anext(changes))


async def _changes(folder: Path) -> AsyncIterator[list[Path]]:
    """The files that were saved or deleted; several at once when an editor or git writes several."""
    from watchfiles import awatch  # nothing else needs it

    async for changes in awatch(folder):
        yield sorted({Path(path) for _, path in changes})


def _names(paths: list[Path]) -> str:
    names = [_name(path) for path in paths[:MOST_NAMED]]
    further = len(paths) - len(names)
    return ", ".join(names) + (f" and {further} more" if further else "")


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))
