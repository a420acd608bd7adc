"""Questions to a side's Postgres; both schemas have `orders (id, status, created_at)` and `order_events`.

None of them is a scan: the orders are asked for by their ids, some of the oldest at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

Connection = psycopg.Connection[tuple[Any, ...]]

POLL_S = 0.02
WINDOW = 100  # orders that one look is at
CHUNK = 5_000  # orders whose times one statement reads

# The engine's role may have limits, and on a table without statistics a scan would come first.
OPTIONS = "-c statement_timeout=0 -c enable_seqscan=off"

ENDED = "SELECT id FROM orders WHERE id = ANY(%s::uuid[]) AND status IN ('confirmed', 'failed')"

FIRED = """
SELECT order_id, extract(epoch FROM min(at))::float8 FROM order_events
WHERE order_id = ANY(%s::uuid[]) AND status = 'pending' GROUP BY order_id
"""

TIMES = """
SELECT orders.id, orders.status::text, extract(epoch FROM orders.created_at)::float8,
    (SELECT extract(epoch FROM min(at))::float8 FROM order_events
     WHERE order_id = orders.id AND status = 'routing'),
    (SELECT extract(epoch FROM max(at))::float8 FROM order_events
     WHERE order_id = orders.id AND status = 'confirmed')
FROM orders WHERE id = ANY(%s::uuid[])
"""


@dataclass(frozen=True)
class Times:
    """One order's: unix seconds; None for what did not come to pass."""

    order_id: str
    status: str
    created: float
    claimed: float | None  # its first step to routing
    confirmed: float | None


@contextmanager
def connected(database_url: str) -> Iterator[Connection]:
    """A connection for as long as the block runs."""
    with psycopg.connect(database_url, autocommit=True, options=OPTIONS) as connection:
        yield connection


def wait_until_ended(
    connection: Connection,
    order_ids: Sequence[str],
    limit_s: float,
    on_done: Callable[[int], None] = lambda done: None,
) -> int:
    """Wait until all are confirmed or failed, at most `limit_s`; how many had not ended."""
    left, deadline = list(order_ids), time.monotonic() + limit_s
    while left:
        window = left[:WINDOW]
        ended = {str(row[0]) for row in connection.execute(ENDED, [window]).fetchall()}
        left = [order_id for order_id in window if order_id not in ended] + left[WINDOW:]
        on_done(len(order_ids) - len(left))
        if time.monotonic() > deadline:
            break
        if len(ended) < len(window):
            time.sleep(POLL_S)
    return len(left)


def wait_until_fired(
    connection: Connection,
    order_ids: Sequence[str],
    deadline: float,
    on_done: Callable[[int], None] = lambda done: None,
) -> dict[str, float]:
    """Wait until all resting orders have fired, or until `deadline`; when each did, both in unix seconds."""
    while True:
        rows = connection.execute(FIRED, [list(order_ids)]).fetchall()
        on_done(len(rows))
        if len(rows) == len(order_ids) or time.time() > deadline:
            return {str(order_id): at for order_id, at in rows}
        time.sleep(5 * POLL_S)


def times(connection: Connection, order_ids: Sequence[str]) -> list[Times]:
    """The times of these orders."""
    return [
        Times(str(row[0]), *row[1:])
        for start in range(0, len(order_ids), CHUNK)
        for row in connection.execute(TIMES, [order_ids[start : start + CHUNK]]).fetchall()
    ]
