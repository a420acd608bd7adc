"""Metrics of an engine in several processes: each has a file, and a scrape sums them.

A process that is started again goes on from its file, so that the sums never fall: to Prometheus a counter
that falls has begun again, and the whole of it is new. A process that is killed loses its last second.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ..private import write_private
from .registry import Registry, Rows, rows_of

FOLDER = "metrics"  # in the state folder
SAVE_S = 1.0


@asynccontextmanager
async def shared_by_processes(state: Path, process: str) -> AsyncIterator[Registry]:
    """This process's metrics, from where the one before had got to, saved each second and at the end."""
    path = state / FOLDER / f"{process}.json"
    registry = Registry()
    registry.add(_read(path))
    saving = asyncio.create_task(_save_often(registry, path), name="metrics")
    try:
        yield registry
    finally:
        saving.cancel()
        _save(registry.to_json(), path)


def begin(state: Path) -> None:
    """Forget what the processes of an engine before have recorded."""
    folder = state / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    for path in folder.glob("*.json"):
        path.unlink()


def of_others(state: Path, process: str) -> list[Rows]:
    """What the other processes have recorded."""
    return [_read(path) for path in sorted((state / FOLDER).glob("*.json")) if path.stem != process]


async def _save_often(registry: Registry, path: Path) -> None:
    saved = registry.changes
    while True:
        await asyncio.sleep(SAVE_S)
        text = registry.to_json()
        if registry.changes != saved:
            saved = registry.changes
            _save(text, path)


def _save(text: str, path: Path) -> None:
    try:
        write_private(path, text)
    except OSError:  # a full disk fails no order
        return


def _read(path: Path) -> Rows:
    try:
        return rows_of(path.read_text())
    except (OSError, ValueError):
        return {}
