"""What the README says of an order's life, to hold the events of one against."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

Wire = dict[str, Any]

TERMINAL = ("confirmed", "failed", "cancelled", "expired")

NEXT: dict[str, set[str]] = {
    "open": {"pending", "cancelled", "expired"},
    "pending": {"routing", "failed", "cancelled", "expired"},
    "routing": {"building", "pending", "open", "failed"},
    "building": {"submitted", "pending", "open", "failed"},
    "submitted": {"confirmed", "pending", "open", "failed"},
    **{status: set() for status in TERMINAL},
}

COMMON = {"orderId", "seq", "status", "attempt", "at"}
FIRST = {"tokenIn", "tokenOut", "amount", "slippageBps"}
OWN = {
    "minimumOut",
    "maxPriceImpactBps",
    "type",
    "limitPrice",
    "stopPrice",
    "maxPrice",
    "minLiquidity",
    "expiresAt",
    "dexes",
}  # if it set them
AGAIN: dict[str, list[set[str]]] = {  # of the later events of these statuses
    "pending": [{"error", "code", "retryInMs"}, {"triggerPrice"}],
    "open": [{"error", "code"}],
}
JUPITER = {"inAmount", "outAmount", "otherAmountThreshold", "priceImpact", "routePlan"}
FIELDS: dict[str, set[str]] = {
    "routing": set(),
    "building": {"chosen", "route", "quotes", "slippageBps", "bestSingle", *JUPITER},
    "submitted": {"dex", "txHash"},
    "confirmed": {"dex", "txHash", "executedPrice", "amountOut", "slot", "fill"},
    "failed": {"error", "code", "attempts"},
    "cancelled": set(),
    "expired": set(),
}


def statuses(events: Iterable[Wire]) -> list[str]:
    """The steps of a life."""
    return [event["status"] for event in events]


def assert_complete(events: Sequence[Wire]) -> None:
    """That these are all events of one order's life, each once, in order, with their fields."""
    assert [event["seq"] for event in events] == [*range(1, len(events) + 1)], events
    assert len({event["orderId"] for event in events}) == 1
    assert events[0]["status"] == ("open" if "type" in events[0] else "pending")
    assert events[-1]["status"] in TERMINAL
    attempt = 1
    for event in events:
        own = set(event) - COMMON
        if event["seq"] == 1:
            assert FIRST <= own <= FIRST | OWN, event
        elif event["status"] in AGAIN:
            assert own in AGAIN[event["status"]], event
        else:
            assert own == FIELDS[event["status"]], event
        attempt += "retryInMs" in event
        assert event["attempt"] == attempt, events
    for before, after in pairwise(events):
        assert after["status"] in NEXT[before["status"]], events
        assert seconds(before, after) >= 0, events


def seconds(one: Wire, two: Wire) -> float:
    """From one event to another."""
    return (_at(two) - _at(one)).total_seconds()


def most_in_flight(lives: Iterable[Sequence[Wire]]) -> int:
    """How many attempts were under way at once, at most: from `routing` to the end or back to `pending`."""
    changes = []
    for events in lives:
        for event in events:
            if event["status"] == "routing":
                changes.append((_at(event), 1))
            elif event["status"] in TERMINAL or "retryInMs" in event:
                changes.append((_at(event), -1))  # sorts before a start in the same millisecond
    depth = most = 0
    for _, change in sorted(changes):
        depth += change
        most = max(most, depth)
    return most


def _at(event: Wire) -> datetime:
    return datetime.fromisoformat(event["at"])
