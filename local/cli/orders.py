"""`orders`: the newest orders, as many pages as it takes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import click

from ..client import EngineClient
from . import options
from .output import dump, say, screen
from .view import orders_table

STATUSES = ("pending", "routing", "building", "submitted", "confirmed", "failed")
PAGE = 200


@click.command()
@click.option("--status", type=click.Choice(STATUSES), help="Only those with this status.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many at most.")
@options.engine_url
@options.as_json
def orders(status: str | None, limit: int, url: str, as_json: bool) -> None:
    """List orders, newest first.

    \b
    Example: ./local/run orders --status failed --limit 5
    """
    found = asyncio.run(_newest(url, status, limit))
    if as_json:
        dump(found)
    elif not found:
        say("no orders" + (f" are {status}" if status else " yet"))
    else:
        screen().print(orders_table(found, datetime.now(UTC)))


async def _newest(url: str, status: str | None, limit: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    async with EngineClient(url) as client:
        while len(found) < limit:
            page = await client.orders(min(PAGE, limit - len(found)), status, cursor)
            found += page["orders"]
            cursor = page["next"]
            if cursor is None:
                break
    return found
