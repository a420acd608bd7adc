"""The rules of snipers: tokens are launched, reported again and open, among all rules of resting orders."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import Any, ClassVar

from chalicelib.domain.launch import Launch
from chalicelib.domain.lifecycle import Status
from chalicelib.domain.terms import OrderType, Terms
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from tests.fakes import MemoryLaunches
from tests.samples import launch_of, new_mint, sniper
from tests.statemachine.machine import FAR, FATES, MOST_ALIVE, TIMES
from tests.statemachine.resting import LIVES_S, RestingMachine

PRICE = "6667"  # SOL each: for one SOL 150 base units of a token with six decimals, and no fewer
LEAST = 150
SHALLOW, DEEP = 10 * 10**9, 1000 * 10**9
DELAYS_S = st.sampled_from([0.0, 0.0, 10.0, 65.0])


class Reporter(MemoryLaunches):
    """A detector that reports each launch until it is taken, unless a test has it report it again."""

    reports = 1


class SnipingMachine(RestingMachine):
    """A world in which orders wait for a token; once its pool is open, further orders wait for another."""

    met: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.reporter = self.world.launches = Reporter()
        self.mints = [new_mint()]
        self.asks_for_depth = False

    @initialize(expires=st.booleans(), fate=FATES, times=TIMES, far=FAR)
    def begin(self, expires: bool, fate: Any, times: int, far: int | None) -> None:
        """A sniper that has fired, a fault of the chain, and a worker that has the order."""
        self.price_moves(there=True)
        self.trouble_on_the_chain(fate, times)
        self.go(self.world.submit(self.limit(expires), None), None)
        self.launch(0.0, DEEP)
        self.go(self.world.trigger(), None)
        self.go(self.world.deliver(self.world.queue.messages[0]), far)

    def limit(self, expires: bool) -> Terms:
        """A sniper, in place of a limit."""
        until = self.world.store.now + timedelta(seconds=LIVES_S)
        least = DEEP if self.asks_for_depth else None
        return sniper(self.mints[-1], PRICE, expires_at=until if expires else None, min_liquidity=least)

    def launch(self, opens_in_s: float, liquidity: int) -> None:
        opens_at = self.world.store.now + timedelta(seconds=opens_in_s)
        self.reporter.announce(launch_of(self.mints[-1], opens_at, liquidity=liquidity))

    def pools(self, mint: str) -> list[Launch]:
        return [launch for launch in self.reporter.launches if launch.mint == mint]

    @precondition(lambda self: not self.pools(self.mints[-1]))
    @rule(opens_in_s=DELAYS_S, liquidity=st.sampled_from([SHALLOW, DEEP]))
    def a_token_is_launched(self, opens_in_s: float, liquidity: int) -> None:
        self.launch(opens_in_s, liquidity)

    @precondition(lambda self: self.pools(self.mints[-1]))
    @rule(asks_for_depth=st.booleans())
    def another_token_is_looked_for(self, asks_for_depth: bool) -> None:
        self.another_token_is_of_interest(asks_for_depth)

    def another_token_is_of_interest(self, asks_for_depth: bool) -> None:
        self.mints.append(new_mint())
        self.asks_for_depth = asks_for_depth

    @precondition(lambda self: len(self.world.alive) < MOST_ALIVE and self.room())
    @rule(
        asks_for_depth=st.booleans(),
        opens_in_s=DELAYS_S,
        liquidity=st.sampled_from([SHALLOW, DEEP]),
        far=st.sampled_from([None, None, 1, 2, 3, 4]),
    )
    def a_token_is_awaited(
        self, asks_for_depth: bool, opens_in_s: float, liquidity: int, far: int | None
    ) -> None:
        """A sniper rests, and its token is launched; a trigger takes that in, or crashes while it does."""
        self.another_token_is_of_interest(asks_for_depth)
        self.go(self.world.submit(self.limit(expires=False), None), None)
        self.launch(opens_in_s, liquidity)
        trigger = self.world.trigger()
        self.go(trigger, far)
        if far is not None:
            self.crash_of(trigger)

    @rule()
    def launches_are_reported_again(self) -> None:
        self.reporter.taken.clear()

    def snipers(self) -> dict[str, Terms]:
        rows = self.world.store.rows.items()
        return {
            order_id: row.order.terms for order_id, row in rows if row.order.terms.type is OrderType.SNIPER
        }

    @invariant()
    def snipers_keep_their_terms(self) -> None:
        snipers = self.snipers()
        for order_id, terms in snipers.items():
            for before, after in pairwise(self.world.store.log[order_id]):
                if (before.status, after.status) == (Status.OPEN, Status.PENDING):
                    opened = [pool for pool in self.pools(terms.token_out.mint) if pool.opens_at <= after.at]
                    assert opened, "a sniper has fired before a pool was open"
                    deepest = max(pool.liquidity for pool in opened)
                    assert deepest >= (terms.min_liquidity or 0), "a sniper has fired for a shallow pool"
        for transaction in self.world.chain.sent:
            message = json.loads(transaction.raw)
            if message["memo"] in snipers:
                assert message["minimum_out"] >= LEAST, "a sniper may pay more than its price"

    def drain(self) -> None:
        """As for all that rests; every token has a deep pool at last, unless it has been reported one."""
        now = self.world.store.now
        for mint in self.mints:
            if not any(pool.liquidity == DEEP for pool in self.pools(mint)):
                deep = launch_of(mint, now, liquidity=DEEP)
                self.reporter.announce(deep._replace(pool=f"deep {deep.pool}"))
        super().drain()
