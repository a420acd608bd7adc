"""`watch`: an order's life over its WebSocket, from the first event to the last."""

from __future__ import annotations

import asyncio

import click

from ..client import EngineClient
from . import options
from .following import follow


@click.command()
@click.argument("order_id", metavar="ORDER")
@options.engine_url
@options.as_json
def watch(order_id: str, url: str, as_json: bool) -> None:
    """Follow ORDER to its end; exit 0 if it is confirmed, 1 if it failed.

    \b
    Example: ./local/run watch 7f0c2f8e-6f1e-4a53-9d1b-0c5f0f6c2a11
    """

    async def run() -> bool:
        async with EngineClient(url) as client:
            return await follow(client, order_id, as_json=as_json)

    raise SystemExit(0 if asyncio.run(run()) else 1)
