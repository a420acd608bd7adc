"""The worker's role: orders from the queue to the process function, ten at once, and the sweep's schedule."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import app as functions
from chalicelib.config import Config

from ..endpoints import local_credentials
from ..servers.queues import connect
from ..triggers import EventSourceMapping, Schedule

IN_FLIGHT = 10
QUEUE_ANSWERS_WITHIN_S = 10.0
OFTENEST_SWEEP_S, RAREST_SWEEP_S = 0.5, 5.0


@asynccontextmanager
async def working(config: Config) -> AsyncIterator[EventSourceMapping]:
    """The mapping, fetching and invoking; it ends with the orders in flight."""
    sqs = connect(config.aws_endpoint_url, local_credentials(os.environ), timeout=QUEUE_ANSWERS_WITHIN_S)
    mapping = EventSourceMapping(sqs, config.orders_queue_url, functions.process_order, concurrency=IN_FLIGHT)
    async with mapping, Schedule(functions.sweep, _sweep_every_s(config), name="sweep"):
        yield mapping


def _sweep_every_s(config: Config) -> float:
    """As often as an order can become overdue, within reason."""
    return min(max(config.sweep_after_ms / 1000, OFTENEST_SWEEP_S), RAREST_SWEEP_S)
