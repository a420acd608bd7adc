"""One order's events, a line each, until it has ended."""

from __future__ import annotations

from ..client import EngineClient
from .life import Life
from .output import dump, screen
from .view import event_line


async def follow(
    client: EngineClient, order_id: str, *, websocket: str | None = None, as_json: bool = False
) -> bool:
    """Print the order's events as they come; whether it is confirmed."""
    life, console = Life(order_id), screen()
    async for event in client.follow(order_id, websocket=websocket):
        life.take(event)
        if as_json:
            dump(event)
        else:
            if not life.events[1:]:
                console.print(f"order {order_id}")
            console.print(event_line(event, life), soft_wrap=True)
    return life.status == "confirmed"
