"""The worker's role: orders from the queue to the process function, ten at once, and the sweep's schedule."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import app as functions
from chalicelib.config import Config

from ..endpoints import local_credentials
from ..triggers import EventSourceMapping, PolledSource, Schedule, Source

IN_FLIGHT = 10
OFTENEST_SWEEP_S, RAREST_SWEEP_S = 0.5, 5.0


@asynccontextmanager
async def working(config: Config, source: Source) -> AsyncIterator[EventSourceMapping]:
    """The mapping, receiving from `source` and invoking; it ends with the orders in flight."""
    mapping = EventSourceMapping(source, functions.process_order, concurrency=IN_FLIGHT)
    async with mapping, Schedule(functions.sweep, _sweep_every_s(config), name="sweep"):
        yield mapping


def polled_source(config: Config) -> PolledSource:
    """The queue of orders over HTTP, at the endpoint of the settings."""
    region = local_credentials(os.environ)["AWS_DEFAULT_REGION"]
    return PolledSource(config.aws_endpoint_url, config.orders_queue_url, region)


def _sweep_every_s(config: Config) -> float:
    """As often as an order can become overdue, within reason."""
    return min(max(config.sweep_after_ms / 1000, OFTENEST_SWEEP_S), RAREST_SWEEP_S)
