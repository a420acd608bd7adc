"""What the verdict of a round finds, in rows that no engine should have left."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from tests.faults.verdict import Verdict, judge

FLOOR = 100
FIRED = ("open", "pending", "routing", "building", "submitted")
ORDER = """
INSERT INTO orders (id, token_in, token_out, amount_in, slippage_bps, type, price, floor_out, status, seq,
    client_order_id, tx_hash, amount_out)
VALUES (%s, 'SOL', 'USDC', 1, 1, 'limit', 1, %s, %s, %s, %s, %s, %s)
"""
EVENT = """
INSERT INTO order_events (order_id, seq, status, attempt, at, detail) VALUES (%s, %s, %s, 1, now(), '{}')
"""
SWAP = """
INSERT INTO sim.transactions (signature, memo, venue, token_in, token_out, amount_in, minimum_out,
    last_valid_block_height, lands_at, slot, amount_out)
VALUES (%s, %s, 'orca', 'SOL', 'USDC', 1, 1, 1, now(), 1, %s)
"""


@dataclass(frozen=True)
class Life:
    """An order's events, and what each of its swaps gave."""

    steps: tuple[str, ...]
    swaps: tuple[int, ...] = ()

    def store(self, database_url: str) -> tuple[str, str]:
        """The order's key and its id."""
        order_id, key = str(uuid.uuid4()), str(uuid.uuid4())
        signatures = [f"{order_id}-{number}" for number in range(len(self.swaps))]
        filled: tuple[Any, Any] = (signatures[0], self.swaps[0]) if self.swaps else (None, None)
        with psycopg.connect(database_url) as connection:
            row = (order_id, FLOOR, self.steps[-1], len(self.steps), key, *filled)
            connection.execute(ORDER, row)
            for seq, status in enumerate(self.steps, start=1):
                connection.execute(EVENT, (order_id, seq, status))
            for signature, received in zip(signatures, self.swaps, strict=True):
                connection.execute(SWAP, (signature, order_id, received))
        return key, order_id


def judged(database_url: str, life: Life, *, cancelled: bool | None = None) -> Verdict:
    """The verdict, where a client that wanted to cancel the order was answered `cancelled`."""
    key, order_id = life.store(database_url)
    return judge(database_url, {key: order_id}, {} if cancelled is None else {order_id: cancelled})


@pytest.mark.parametrize(
    ("life", "cancelled"),
    [
        (Life((*FIRED, "confirmed"), (FLOOR,)), None),
        (Life((*FIRED, "confirmed"), (FLOOR,)), False),  # its client came too late
        (Life((*FIRED, *FIRED, "confirmed"), (FLOOR,)), None),  # its price was gone at first
        (Life(("open", "cancelled")), True),
        (Life(("open", "pending", "expired")), None),
    ],
)
def test_a_life_as_promised_is_good(database_url: str, life: Life, cancelled: bool | None) -> None:
    verdict = judged(database_url, life, cancelled=cancelled)
    assert verdict.is_good, verdict


@pytest.mark.parametrize(
    ("life", "cancelled", "count"),
    [
        (Life((*FIRED, "confirmed"), (FLOOR - 1,)), None, "below"),
        (Life((*FIRED, "confirmed"), (FLOOR, FLOOR)), None, "doubled"),
        (Life(("open",)), None, "stuck"),
        (Life(("open", "pending")), None, "stuck"),
        (Life(("open", "cancelled"), (FLOOR,)), True, "wrong"),
        (Life(("open", "cancelled", "expired")), None, "wrong"),  # it ended twice
        (Life(("open", "routing", "building", "submitted", "confirmed"), (FLOOR,)), None, "wrong"),
        (Life((*FIRED, "confirmed"), (FLOOR,)), True, "wrong"),  # its client was answered otherwise
        (Life(("open", "cancelled")), False, "wrong"),
    ],
)
def test_a_broken_promise_is_counted(
    database_url: str, life: Life, cancelled: bool | None, count: str
) -> None:
    verdict = judged(database_url, life, cancelled=cancelled)
    assert getattr(verdict, count)
    assert not verdict.is_good


def test_an_order_of_another_account_than_its_clients_is_wrong(database_url: str) -> None:
    key, order_id = Life((*FIRED, "confirmed"), (FLOOR,)).store(database_url)
    assert judge(database_url, {key: order_id}, owners={order_id: "local"}).is_good
    assert judge(database_url, {key: order_id}, owners={order_id: "alice"}).wrong


def test_an_order_that_is_not_there_is_lost(database_url: str) -> None:
    assert judge(database_url, {"key": str(uuid.uuid4())}).lost == 1
