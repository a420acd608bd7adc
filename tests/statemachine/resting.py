"""The rules of orders that rest: they are submitted, fired, cancelled, and expire, among all other rules."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar

from chalicelib.domain.lifecycle import Status
from chalicelib.domain.terms import OrderType, Terms
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from tests.samples import SOL, USDC
from tests.statemachine.machine import FAR, FATES, MOST_ALIVE, NOT_FAR, ROUNDS, TIMES, OrderMachine, _pick

GOOD, BAD = 151, 140  # what an order's size is sold for
LIMIT = Terms(SOL, USDC, 10**9, 100, floor_out=150, type=OrderType.LIMIT, price=Decimal("0.00015"))
LIVES_S = 70


class RestingMachine(OrderMachine):
    """A world in which most orders are limits; the price is there or is not."""

    met: ClassVar[Counter[str]] = Counter()

    @initialize(expires=st.booleans(), fate=FATES, times=TIMES, far=FAR)
    def begin(self, expires: bool, fate: Any, times: int, far: int | None) -> None:
        """A limit that has fired, a fault of the chain, and a worker that has the order."""
        self.price_moves(there=True)
        self.trouble_on_the_chain(fate, times)
        self.go(self.world.submit(self.limit(expires), None), None)
        self.go(self.world.trigger(), None)
        self.go(self.world.deliver(self.world.queue.messages[0]), far)

    def limit(self, expires: bool) -> Terms:
        until = self.world.store.now + timedelta(seconds=LIVES_S)
        return replace(LIMIT, expires_at=until if expires else None)

    @rule(there=st.booleans())
    def price_moves(self, there: bool) -> None:
        """The price of every limit is there, or is gone."""
        for venue in self.world.venues.values():
            venue.amount_out = GOOD if there else BAD

    @precondition(lambda self: len(self.world.alive) < MOST_ALIVE and self.room())
    @rule(expires=st.booleans(), far=NOT_FAR)
    def submit_a_limit(self, expires: bool, far: int | None) -> None:
        self.go(self.world.submit(self.limit(expires), None), far)

    @precondition(lambda self: self.room())
    @rule(triggers=st.integers(1, 2), far=st.one_of(st.none(), st.integers(0, 6)))
    def trigger(self, triggers: int, far: int | None) -> None:
        """One pass of the triggers, or two at once that take turns."""
        passes = [self.world.trigger() for _ in range(triggers)]
        for _ in range(ROUNDS if far is None else far):
            for one in passes:
                one.step()

    @precondition(lambda self: self.world.queue.visible and self.room())
    @rule(data=st.data(), far=FAR)
    def deliver_when_the_price_is_gone(self, data: st.DataObject, far: int | None) -> None:
        self.price_moves(there=False)
        self.go(self.world.deliver(_pick(data, self.world.queue.next)), far)

    @precondition(lambda self: self.room())
    @rule()
    def time_runs_out(self) -> None:
        """The time of every limit that expires is over, whether or not a worker holds it."""
        self.world.loop.sleep(LIVES_S)
        self.go(self.world.trigger(), None)

    @precondition(lambda self: self.world.alive and self.room())
    @rule(data=st.data(), far=NOT_FAR)
    def cancel(self, data: st.DataObject, far: int | None) -> None:
        self.go(self.world.cancel(_pick(data, self.world.alive)), far)

    def drain(self) -> None:
        """As for all orders; limits fire, now that their price stays there."""
        self.price_moves(there=True)
        super().drain()

    def deliver_what_is_visible(self) -> None:
        self.go(self.world.trigger(), None)
        super().deliver_what_is_visible()

    def count_ends(self) -> None:
        super().count_ends()
        for log in self.world.store.log.values():
            seen = [event.status for event in log]
            self.met["rested again"] += seen.count(Status.OPEN) > 1
