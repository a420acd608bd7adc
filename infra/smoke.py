"""The smoke test: one order over HTTP, and its events over its WebSocket until it is confirmed.

Where an order would trade real tokens it is a quote, which needs the same key, database and venues.

On AWS a queue's event source may take a minute to start, and a paused database some seconds to resume.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

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


Answer = TypeVar("Answer")


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
        raise SmokeError(f"The smoke order failed: {error}{_hint(error)}") from error
    if fault := find_fault(events):
        raise SmokeError(fault)
    return events


def smoke_quote(url: str, api_key: str) -> str:
    """Have the order quoted: the best venue and what it gives, as a text. Raises SmokeError."""
    return asyncio.run(_smoke_quote(url, api_key))


async def _smoke_quote(url: str, api_key: str) -> str:
    try:
        async with asyncio.timeout(TIMEOUT_S), AsyncEngineClient(url, api_key=api_key) as client:
            found = await _once_started(lambda: client.quote(ORDER))
    except TimeoutError:
        raise SmokeError(f"There was no quote within {TIMEOUT_S:.0f} s.") from None
    except ClientError as error:
        raise SmokeError(f"The quote failed: {error}{_hint(error)}") from error
    gives = f"{found['amountOut']} {found['tokenOut']} for {found['amount']} {found['tokenIn']}"
    return f"{found['chosen']} quotes {gives}; no order was placed"


async def _submit(client: AsyncEngineClient) -> Submitted:
    """Submit the order, again under the same key while the engine is busy or still starting."""
    key = new_key()
    return await _once_started(lambda: client.submit(ORDER, key=key))


async def _once_started(request: Callable[[], Awaitable[Answer]]) -> Answer:
    """What the engine answers, asked again while it is busy or still starting."""
    deadline = time.monotonic() + SUBMIT_TIMEOUT_S
    while True:
        try:
            return await request()
        except OutcomeUnknown:
            if time.monotonic() > deadline:
                raise
        except Refused as refusal:
            may_be_starting = refusal.status >= 500 and time.monotonic() < deadline
            if refusal.status not in BUSY and not may_be_starting:
                raise
        await asyncio.sleep(RETRY_INTERVAL_S)


def _hint(error: ClientError) -> str:
    return REVOKED if isinstance(error, Refused) and error.status == UNAUTHENTICATED else ""


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
