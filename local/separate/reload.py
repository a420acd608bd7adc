"""`up --reload`: the functions' processes start again when one of their files is saved."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

from .. import FUNCTIONS, ROOT
from ..errors import ServiceError
from . import SeparateEngine

MOST_NAMED = 3


async def reload_on_change(engine: SeparateEngine, say: Callable[[str], None]) -> None:
    """Reload the engine at each change below `functions/`, until cancelled."""
    async for changed in _changes(FUNCTIONS):
        try:
            await engine.reload()
        except ServiceError as error:
            say(f"not reloaded: {error}")
        else:
            say(f"reloaded: {_names(changed)}")


async def _changes(folder: Path) -> AsyncIterator[list[Path]]:
    """The files that were saved or deleted; several at once when an editor or git writes several."""
    from watchfiles import awatch  # nothing else needs it

    async for changes in awatch(folder, raise_interrupt=False):
        yield sorted({Path(path) for _, path in changes})


def _names(paths: list[Path]) -> str:
    names = [str(path.relative_to(ROOT)) for path in paths[:MOST_NAMED]]
    further = len(paths) - len(names)
    return ", ".join(names) + (f" and {further} more" if further else "")
