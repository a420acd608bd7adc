from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from chalicelib.domain.lifecycle import Status
from chalicelib.domain.order import Order
from chalicelib.domain.routing import Quote, legs_of
from chalicelib.domain.tokens import Token
from chalicelib.domain.transaction import SignedTransaction
from chalicelib.ports.trading import Swap
from chalicelib.services.execution.routing import Routing
from chalicelib.services.quoting import Quoting
from chalicelib.simulation.raydium import ConstantProduct

from tests.fakes import MemoryChain, MemorySigner, MemoryVenue
from tests.samples import SOL, TERMS, USDC

ORDER = Order("order", TERMS, Status.ROUTING, 1, 2, datetime.now(UTC), datetime.now(UTC))


class Pool(MemoryVenue):
    """A venue with one constant-product pool, which keeps what it has built."""

    def __init__(self, name: str, depth: int) -> None:
        super().__init__(name)
        self.curve = ConstantProduct(depth, depth)
        self.built: list[tuple[int, int]] = []

    async def quote(self, token_in: Token, token_out: Token, amount_in: int) -> Quote:
        fill = self.curve.swap(amount_in)
        impact = fill.price_impact_bps
        return Quote(
            self.name, token_in, token_out, amount_in, fill.amount_out, fill.fee, impact, curve=self.curve
        )

    async def build(self, quote: Quote, minimum_out: int, memo: str) -> Swap:
        self.built.append((quote.amount_in, minimum_out))
        return await super().build(quote, minimum_out, memo)


class Signer(MemorySigner):
    """Keeps the swaps that it has signed."""

    def __init__(self) -> None:
        super().__init__()
        self.signed: list[Swap] = []

    def sign(self, swap: Swap, memo: str, blockhash: str, last_valid_block_height: int) -> SignedTransaction:
        self.signed.append(swap)
        return super().sign(swap, memo, blockhash, last_valid_block_height)


async def routed(*pools: Pool) -> tuple[Quote, int, Sequence[Swap]]:
    venues, signer = {pool.name: pool for pool in pools}, Signer()
    quoting = Quoting(venues, timeout=1, max_price_impact_bps=1000)
    route, _ = await asyncio.wait_for(Routing(quoting, venues, MemoryChain(), signer).route(ORDER), timeout=5)
    assert route.slippage_bps == 100
    return route.quote, route.minimum_out, signer.signed


async def test_a_divided_order_is_one_swap_whose_minimum_holds_for_all_its_legs() -> None:
    one, other = Pool("one", 2 * 10**11), Pool("other", 10**11)
    quote, minimum_out, (swap,) = await routed(one, other)
    assert minimum_out == swap.minimum_out == quote.amount_out * 99 // 100
    assert (swap.venue, swap.amount_in, swap.token_in, swap.token_out) == ("one", 10**9, SOL, USDC)
    assert [(leg.venue, leg.amount_in, leg.minimum_out) for leg in swap.legs] == [
        (leg.venue, leg.amount_in, 0) for leg in quote.legs
    ]
    for pool, leg in zip((one, other), legs_of(quote), strict=True):
        assert pool.built == [(leg.amount_in, 0)]


async def test_an_order_for_one_venue_is_that_venues_own_swap() -> None:
    one, other = Pool("one", 10**14), Pool("other", 10**13)
    quote, minimum_out, (swap,) = await routed(one, other)
    assert (quote.legs, swap.legs) == ((), ())
    assert (one.built, other.built) == ([(10**9, minimum_out)], [])
