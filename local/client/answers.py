"""What the engine answers: objects, refusals, and the events of a WebSocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from websockets.asyncio.client import ClientConnection

from ..errors import ClientError, Refused, Unreachable

Wire = dict[str, Any]

SILENT_FOR_S = 10.0


async def events_of(socket: ClientConnection) -> AsyncIterator[Wire | None]:
    """The events that come; None for a sign of life. Raises ConnectionClosed, Refused.

    An engine that is silent is asked whether it still knows us: it closes a socket that it has lost track of.
    """
    while True:
        try:
            async with asyncio.timeout(SILENT_FOR_S):
                text = await socket.recv()
        except TimeoutError:
            await socket.send(json.dumps({"action": "ping"}))
        else:
            yield None if parse_object(text) == {"action": "pong"} else _event(text)


def _event(text: str | bytes) -> Wire:
    event = parse_object(text)
    if event is None or "seq" not in event:
        status = 503 if event and event.get("code") == "TEMPORARILY_UNAVAILABLE" else 0
        raise Refused(status, event or {"error": f"The engine sent what is no event: {text[:200]!r}"})
    return event


def parse_object(body: str | bytes | bytearray) -> Wire | None:
    """The JSON object that `body` is, or None."""
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def refusal_of(status: int, body: bytes | bytearray) -> ClientError:
    """The error for an answer that is no success: Refused, or Unreachable if no engine gave it."""
    answer = parse_object(body)
    if answer is None:
        return Unreachable(f"What answers there is not an order engine: it said {status}.")
    return Refused(status, answer)
