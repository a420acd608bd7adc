"""What became of the orders of a round: read from the database, and held against what the engine promises."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import psycopg
from chalicelib.domain.lifecycle import TERMINAL, Status, sources
from psycopg.rows import dict_row

from tests.e2e.solana import Swap

# Every order of these keys with its landed swaps, and those of them that are what the order says.
ORDERS = """
SELECT orders.id::text, account, client_order_id AS key, status::text, type, seq,
    count(swaps.signature) AS landed,
    count(*) FILTER (
        WHERE swaps.signature = tx_hash AND swaps.amount_out = orders.amount_out
    ) AS as_confirmed,
    count(*) FILTER (WHERE swaps.amount_out < floor_out) AS below
FROM orders LEFT JOIN sim.swaps ON swaps.memo = orders.id::text
WHERE client_order_id = ANY(%s)
GROUP BY orders.id
"""
ORDERS_ALONE = """
SELECT id::text, account, client_order_id AS key, status::text, type, seq, tx_hash, amount_out, floor_out
FROM orders
WHERE client_order_id = ANY(%s)
"""
EVENTS = """
SELECT order_id::text, seq, status::text FROM order_events
WHERE order_id = ANY(%s::uuid[])
ORDER BY order_id, seq
"""
UNFINISHED = """
SELECT count(*) FROM orders WHERE client_order_id = ANY(%s) AND NOT is_terminal(status)
"""

Row = dict[str, Any]


@dataclass
class Verdict:
    """Counts, and a sentence for each thing that is not as promised."""

    confirmed: int = 0
    failed: int = 0
    cancelled: int = 0
    expired: int = 0
    lost: int = 0
    doubled: int = 0
    stuck: int = 0
    below: int = 0  # fills that gave less than their order's floor
    wrong: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.doubled or self.stuck or self.below or self.wrong)


def unfinished(database_url: str, keys: Collection[str]) -> int:
    """How many orders of these keys have not ended."""
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        [(count,)] = connection.execute(UNFINISHED, [list(keys)])
    return int(count)


def judge(
    database_url: str,
    taken: Mapping[str, str],
    cancelled: Mapping[str, bool] | None = None,
    owners: Mapping[str, str] | None = None,
    landed: Sequence[tuple[str, Swap]] | None = None,
) -> Verdict:
    """Compare the database with `taken`: for each key the order that its client was answered.

    And with `cancelled`: for each order that its client wanted to cancel, whether it was; and with `owners`:
    whose each order is. `landed` are the swaps on a Solana chain; without it they are in the database.
    """
    with psycopg.connect(database_url, connect_timeout=5, row_factory=dict_row) as connection:
        if landed is None:
            orders = connection.execute(ORDERS, [list(taken)]).fetchall()
        else:
            orders = connection.execute(ORDERS_ALONE, [list(taken)]).fetchall()
            _count_swaps(orders, landed)
        events = connection.execute(EVENTS, [[order["id"] for order in orders]]).fetchall()
    verdict = Verdict()
    found = {order["id"] for order in orders}
    verdict.lost = sum(order_id not in found for order_id in taken.values())
    for order in orders:
        if order["id"] != taken[order["key"]]:
            verdict.doubled += 1
            verdict.wrong.append(f"{order['key']} made {order['id']} beside {taken[order['key']]}")
        _judge_swaps(order, verdict)
        if owners is not None and order["account"] != owners.get(order["id"]):
            verdict.wrong.append(f"{order['id']} is {order['account']}'s, and not its client's")
        _judge_cancel(order, (cancelled or {}).get(order["id"], False), verdict)
    _judge_lives(orders, events, verdict)
    return verdict


def _count_swaps(orders: Iterable[Row], landed: Sequence[tuple[str, Swap]]) -> None:
    """Add to each order what the query counts where the swaps are in the database."""
    found = defaultdict[str, list[Swap]](list)
    for order_id, swap in landed:
        found[order_id].append(swap)
    for order in orders:
        swaps = found[order["id"]]
        received = [sum(swap.received.values()) for swap in swaps]
        order["landed"] = len(swaps)
        order["as_confirmed"] = sum(
            (swap.signature, amount) == (order["tx_hash"], order["amount_out"])
            for swap, amount in zip(swaps, received, strict=True)
        )
        order["below"] = sum(amount < (order["floor_out"] or 0) for amount in received)


def _judge_swaps(order: Row, verdict: Verdict) -> None:
    """One landed swap for a confirmed order, with its amount; none for another; never two."""
    order_id, landed = order["id"], order["landed"]
    verdict.doubled += landed > 1
    verdict.below += order["below"]
    match order["status"]:
        case "confirmed":
            verdict.confirmed += 1
            if (landed, order["as_confirmed"]) != (1, 1):
                verdict.wrong.append(f"{order_id} is confirmed with {landed} swaps")
        case "failed" | "cancelled" | "expired" as end:
            setattr(verdict, end, getattr(verdict, end) + 1)
            if landed:
                verdict.wrong.append(f"{order_id} is {end}, and a swap landed")
        case status:
            verdict.stuck += 1
            verdict.wrong.append(f"{order_id} is still {status}")


def _judge_cancel(order: Row, was_cancelled: bool, verdict: Verdict) -> None:
    """An order is cancelled if its client was answered so, and else goes on."""
    if (order["status"] == "cancelled") != was_cancelled:
        answer = "that it was cancelled" if was_cancelled else "no such thing"
        verdict.wrong.append(f"{order['id']} is {order['status']}, and its client was answered {answer}")


def _judge_lives(orders: Sequence[Row], events: Iterable[Row], verdict: Verdict) -> None:
    """No gap in an order's events, every step allowed by the lifecycle, and none after its end."""
    lives: dict[str, list[Row]] = {order["id"]: [] for order in orders}
    for event in events:
        lives[event["order_id"]].append(event)
    for order in orders:
        life = lives[order["id"]]
        steps = [Status(event["status"]) for event in life]
        if [event["seq"] for event in life] != [*range(1, order["seq"] + 1)]:
            verdict.wrong.append(f"{order['id']} has the events {[event['seq'] for event in life]}")
        first = Status.PENDING if order["type"] == "market" else Status.OPEN
        if steps[:1] != [first] or steps[-1:] != [Status(order["status"])]:
            verdict.wrong.append(f"{order['id']} is {order['status']}, and its events say {steps}")
        if any(before not in sources(after) for before, after in pairwise(steps)):
            verdict.wrong.append(f"{order['id']} lived {steps}")
        if any(step in TERMINAL for step in steps[:-1]):
            verdict.wrong.append(f"{order['id']} ended before its end: {steps}")
