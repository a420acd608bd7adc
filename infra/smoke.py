"""The smoke test: one order over HTTP, and its events over its WebSocket until it is confirmed.

On AWS a queue's event source may take a minute to start, and a paused database some seconds to resume.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from local.client import AsyncEngineClient, ClientError, OutcomeUnknown, Refused, new_key
from local.client.wire import CONFIRMED, PENDING, Event, Submitted

from .errors import SmokeError

ORDER = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1.5"}
TIMEOUT_S = 180.0
SUBMIT_TIMEOUT_S = 60.0
RETRY_INTERVAL_S = 0.5

BUSY = (429, 503)
UNAUTHENTICATED = 401
REVOKED = (
    "\nThe deployment's own key was ended. Put a valid one into its secret (`aws secretsmanager "
    "put-secret-value`), or deploy with --no-smoke."
)


def smoke(url: str, api_key: str, on_event: Callable[[Event], None]) -> list[Event]:
    """Submit an order and wait for its last event: all its events. Raises SmokeError."""
    return asyncio.run(_smoke(url, api_key, on_event))


async def _smoke(url: str, api_key: str, on_event: Callable[[Event], None]) -> list[Event]:
    events: list[Event] = []
    try:
        async with asyncio.timeout(TIMEOUT_S), AsyncEngineClient(url, api_key=api_key) as client:
            submitted = await _submit(client)
            async for event in client.follow(submitted["orderId"], websocket=submitted["websocket"]):
                events.append(event)
                on_event(event)
    except TimeoutError:
        reached = events[-1]["status"] if events else "no status"
        raise SmokeError(f"The smoke order reached {reached} within {TIMEOUT_S:.0f} s.") from None
    except ClientError as error:
        hint = REVOKED if isinstance(error, Refused) and error.status == UNAUTHENTICATED else ""
        raise SmokeError(f"The smoke order failed: {error}{hint}") from error
    if fault := find_fault(events):
        raise SmokeError(fault)
    return events


async def _submit(client: AsyncEngineClient) -> Submitted:
    """Submit the order, again under the same key while the engine is busy or still starting."""
    deadline, key = time.monotonic() + SUBMIT_TIMEOUT_S, new_key()
    while True:
        try:
            return await client.submit(ORDER, key=key)
        except OutcomeUnknown:
            if time.monotonic() > deadline:
                raise
        except Refused as refusal:
            may_be_starting = refusal.status >= 500 and time.monotonic() < deadline
            if refusal.status not in BUSY and not may_be_starting:
                raise
        await asyncio.sleep(RETRY_INTERVAL_S)


def find_fault(events: Sequence[Event]) -> str | None:
    """Why these are not the complete, ordered events of a confirmed order, or None."""
    sequence = [event["seq"] for event in events]
    if sequence != list(range(1, len(events) + 1)):
        return f"The smoke order's events have the sequence {sequence}."
    last = events[-1]
    if last["status"] != CONFIRMED:
        return f"The smoke order is {last['status']}: {last.get('error', '')} ({last.get('code', '')})"
    if events[0]["status"] != PENDING or not last.get("txHash"):
        return f"The smoke order went {' → '.join(event['status'] for event in events)} without a swap."
    return None
