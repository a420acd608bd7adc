"""The engine at a glance, in a terminal."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from local.client.commands.overview import overview

ENGINE: dict[str, Any] = {
    "status": "degraded",
    "parts": {"database": "ok", "redis": "unavailable", "queue": "ok"},
    "queue": {"waiting": 12, "inFlight": 10, "delayed": 3},
    "deadLetters": 1,
    "orders": {"open": 4, "pending": 25},
    "recent": {
        "seconds": 60,
        "submitted": 100,
        "confirmed": 90,
        "failed": 2,
        "cancelled": 1,
        "expired": 0,
        "perSecond": 1.5,
        "confirmMs": {"p50": 387.4, "p90": 399, "p99": 1401},
        "stepMs": {"pending": 27, "routing": 34.4},
    },
}


def shown(engine: dict[str, Any]) -> list[str]:
    console = Console(file=io.StringIO(), width=100)
    console.print(overview({"engine": engine, "orders": []}, console))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_the_engine_is_shown_in_five_lines() -> None:
    assert shown(ENGINE) == [
        "engine   degraded  database ok  redis unavailable  queue ok",
        "queue    12 waiting  10 in flight  3 delayed  1 dead letter",
        "orders   4 open  25 pending",
        "60 s     100 submitted  90 confirmed  2 failed  1 cancelled  0 expired  1.5 confirmed/s",
        "ms       p50 387  p90 399  p99 1401  of which  pending 27  routing 34",
    ]


@pytest.mark.parametrize("part", ["queue", "deadLetters", "orders", "recent"])
def test_a_part_that_is_not_known_is_left_out(part: str) -> None:
    lines = shown(ENGINE | {part: None})
    assert lines[0].startswith("engine")
    assert not any("None" in line for line in lines)
