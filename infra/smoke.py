"""The proof that it works: one order over HTTP, followed over its WebSocket until it is confirmed.

A queue's event source may take a minute to begin on AWS, and a database that sleeps some seconds to wake up.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from local.client import EngineClient, Wire
from local.errors import ClientError, Refused

from .errors import SmokeError

ORDER = ("SOL", "USDC", "1.5")
LONGEST_S = 180.0
AWAKE_WITHIN_S = 60.0
PAUSE_S = 0.5

BUSY = (429, 503)


def smoke(url: str, tell: Callable[[Wire], None]) -> list[Wire]:
    """Submit an order and follow it, telling each event; all of its events. Raises SmokeError."""
    return asyncio.run(_smoke(url, tell))


async def _smoke(url: str, tell: Callable[[Wire], None]) -> list[Wire]:
    events: list[Wire] = []
    try:
        async with asyncio.timeout(LONGEST_S), EngineClient(url) as client:
            submitted = await _submit(client)
            async for event in client.follow(submitted["orderId"], websocket=submitted["websocket"]):
                events.append(event)
                tell(event)
    except TimeoutError:
        reached = events[-1]["status"] if events else "nothing"
        raise SmokeError(f"The smoke order has got no further than {reached} in {LONGEST_S:.0f} s.") from None
    except ClientError as error:
        raise SmokeError(f"The smoke order failed: {error}") from error
    if wrong := what_is_wrong(events):
        raise SmokeError(wrong)
    return events


async def _submit(client: EngineClient) -> Wire:
    """Submit the order; an engine that is busy, or whose functions are still waking up, is asked again."""
    deadline = time.monotonic() + AWAKE_WITHIN_S
    while True:
        try:
            return await client.submit(*ORDER)
        except Refused as refusal:
            may_be_asleep = refusal.status >= 500 and time.monotonic() < deadline
            if refusal.status not in BUSY and not may_be_asleep:
                raise
        await asyncio.sleep(PAUSE_S)


def what_is_wrong(events: Sequence[Wire]) -> str | None:
    """What a confirmed order's events should not be, or None: all of them, in order, once."""
    sequence = [event["seq"] for event in events]
    if sequence != list(range(1, len(events) + 1)):
        return f"The smoke order's events came with the sequence {sequence}."
    last = events[-1]
    if last["status"] != "confirmed":
        return f"The smoke order is {last['status']}: {last.get('error', '')} ({last.get('code', '')})"
    if events[0]["status"] != "pending" or not last.get("txHash"):
        return f"The smoke order went {' → '.join(event['status'] for event in events)} without a swap."
    return None
