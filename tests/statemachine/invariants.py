"""Invariants of every order, which hold after every step of any process."""

from __future__ import annotations

import itertools
import json

from chalicelib.domain.events import Event
from chalicelib.domain.lifecycle import Actor, Status, sources

from tests.statemachine.world import KEY_TTL_S, World

MAX_ATTEMPTS = 3
WITHOUT_A_SWAP = {*Status} - {Status.ROUTING, Status.BUILDING, Status.SUBMITTED, Status.CONFIRMED}
"""Ended without one, or to be signed again."""
PRICE_GONE = ("BELOW_MINIMUM_OUT", "SLIPPAGE_EXCEEDED", "POOL_NOT_OPEN")


class Invariants:
    """Checks the invariants; keeps each order's events, because none may change later."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._said: dict[str, list[Event]] = {}

    def check(self) -> None:
        store = self._world.store
        assert self._world.accepted <= set(store.rows), "an order that a client was given is gone"
        assert set(self._world.chain.swaps) <= set(store.rows), "a swap landed for an order that is not there"
        for order_id in store.rows:
            self._check_history(order_id)
            self._check_chain(order_id)
            self._check_limit(order_id)
        self._check_keys()

    def _check_history(self, order_id: str) -> None:
        order, log = self._world.store.rows[order_id].order, self._world.store.log[order_id]
        said = self._said.get(order_id, [])
        assert log[: len(said)] == said, "what was said of an order has changed"
        if not said:
            first = Status.OPEN if order.terms.rests else Status.PENDING
            assert (log[0].seq, log[0].status, log[0].attempt) == (1, first, 1)
        for before, after in itertools.pairwise(log[max(len(said) - 1, 0) :]):
            _check_step(before, after)
        assert (order.status, order.seq, order.attempt) == (log[-1].status, len(log), log[-1].attempt)
        assert order.status is not Status.CANCELLED or order_id in self._world.to_cancel, (
            "an order is cancelled, and not by its own account"
        )
        self._said[order_id] = [*log]

    def _check_chain(self, order_id: str) -> None:
        order = self._world.store.rows[order_id].order
        landed = self._world.chain.swaps.get(order_id, [])
        may_land = self._world.landable(order_id)
        assert len(landed) + len(may_land) <= 1, "an order is swapped twice, or may yet be"
        if order.status is Status.CONFIRMED:
            assert landed == [order.signature], "an order is confirmed, and its swap has not landed"
        if order.status in WITHOUT_A_SWAP:
            assert not landed, f"an order is {order.status}, and its swap has landed"
            assert not may_land, f"an order is {order.status}, and its swap may yet land"

    def _check_limit(self, order_id: str) -> None:
        order = self._world.store.rows[order_id].order
        if not order.terms.keeps_its_price:
            return
        for transaction in self._world.chain.sent:
            message = json.loads(transaction.raw)
            if message["memo"] == order_id:
                least = order.terms.floor_out or 0  # of a sniper: see sniping.py
                assert message["minimum_out"] >= least, "a limit may fill below its price"
        assert order.status is not Status.FAILED or order.code not in PRICE_GONE, (
            "a limit has failed because its price was gone"
        )

    def _check_keys(self) -> None:
        keyed = [row.order for row in self._world.store.rows.values() if row.order.client_order_id]
        for one, other in itertools.combinations(keyed, 2):
            apart_s = abs((one.created_at - other.created_at).total_seconds())
            same = (one.account, one.client_order_id) == (other.account, other.client_order_id)
            assert not same or apart_s >= KEY_TTL_S, "one key, two orders"


def _check_step(before: Event, after: Event) -> None:
    assert after.seq == before.seq + 1, "an event is missing"
    if "redriven" in after.detail:
        assert (before.status, after.status, after.attempt) == (Status.FAILED, Status.PENDING, 1)
        return
    movers = [actor for actor in Actor if actor is not Actor.OPERATOR]
    assert before.status in sources(after.status, *movers), f"{before.status} → {after.status}"
    is_retry = after.status is Status.PENDING and before.status is not Status.OPEN
    assert after.attempt == before.attempt + is_retry, "an attempt is not counted"
    assert after.attempt <= MAX_ATTEMPTS, "an order is attempted too often"
