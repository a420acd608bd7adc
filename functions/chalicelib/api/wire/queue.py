"""The message of an order in the queue: `{"orderId": …}`."""

from __future__ import annotations

import json

import msgspec

from ...domain.errors import InvalidRequest
from .ids import order_id


def queue_message(order_id: str) -> str:
    """The body of an order's message."""
    return msgspec.json.encode({"orderId": order_id}).decode()


def parse_queue_message(body: str) -> str | None:
    """The order that a message names, None if it names none."""
    try:
        return order_id(json.loads(body)["orderId"])
    except (ValueError, TypeError, KeyError, RecursionError, InvalidRequest):
        return None
