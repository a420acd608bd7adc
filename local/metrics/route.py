"""`GET /metrics`: a handler as the functions' are, which the gateway calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from chalicelib import runtime
from chalicelib.api import auth, responses
from chalicelib.domain.account import Scope
from chalicelib.domain.errors import EngineError, TemporarilyUnavailable
from chalicelib.ports.metrics import DEAD_LETTERS, DEAD_LETTERS_AGE, QUEUE, UNDER_WAY

from .exposition import CONTENT_TYPE, exposition
from .registry import Registry, Rows

Found = TypeVar("Found")


class MetricsRoute:
    """Answers with what `registry` and the other processes have recorded, and what the servers say now."""

    def __init__(self, registry: Registry, others: Callable[[], Iterable[Rows]] = tuple) -> None:
        self._registry = registry
        self._others = others

    def __call__(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        try:
            auth.caller(event, Scope.ADMIN)
        except EngineError as error:
            return responses.refuse(error).to_dict()
        whole = Registry()
        for rows in (self._registry.rows, *self._others()):
            whole.add(rows)
        runtime.run(_look(whole))
        headers = {"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"}
        return {"statusCode": 200, "headers": headers, "body": exposition(whole.rows)}


async def _look(registry: Registry) -> None:
    """Record what the servers say; what is away is left out."""
    engine = runtime.current()
    depth, letters, under_way = await asyncio.gather(
        _unless_unavailable(engine.queue.depth()),
        _unless_unavailable(engine.dead_letters.summary()),
        _unless_unavailable(engine.activity.under_way()),
    )
    if depth is not None:
        registry.record(QUEUE, depth.waiting, "waiting")
        registry.record(QUEUE, depth.in_flight, "in_flight")
        registry.record(QUEUE, depth.delayed, "delayed")
    if letters is not None:
        registry.record(DEAD_LETTERS, letters.count)
        registry.record(DEAD_LETTERS_AGE, (letters.oldest_s or 0) * 1000)
    for status, count in (under_way or {}).items():
        registry.record(UNDER_WAY, count, status.value)


async def _unless_unavailable(asked: Coroutine[Any, Any, Found]) -> Found | None:
    try:
        return await asked
    except TemporarilyUnavailable:
        return None
