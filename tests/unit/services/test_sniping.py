"""Snipers over fakes: which launches fire them, how often, and at what price."""

from __future__ import annotations

import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from chalicelib.domain.account import LOCAL
from chalicelib.domain.errors import InsufficientLiquidity, TemporarilyUnavailable, TokenListed
from chalicelib.domain.lifecycle import Status
from chalicelib.domain.routing import Quote
from chalicelib.domain.terms import Terms
from chalicelib.domain.tokens import Token
from chalicelib.ports.store import Claim, NewOrder
from chalicelib.services.detection import Detection
from chalicelib.services.quoting import Quoting
from chalicelib.services.submission import Submission
from chalicelib.services.triggers import Triggers

from tests.fakes import (
    MemoryEvents,
    MemoryLaunches,
    MemoryMetrics,
    MemoryQueue,
    MemoryStore,
    MemoryVenue,
    announcer,
)
from tests.samples import SOL, USDC, launch_of, new_mint, sniper


class Pool(MemoryVenue):
    """A venue where each new token costs `price` SOL, whether its pool is said to be open or not."""

    price = Decimal("0.001")

    async def quote(self, token_in: Token, token_out: Token, amount_in: int) -> Quote:
        if token_in != SOL:
            raise InsufficientLiquidity
        self.amount_out = int(token_in.amount(amount_in) / self.price * 10**token_out.decimals)
        return await super().quote(token_in, token_out, amount_in)


class Market:
    """A detector, a venue, and triggers that watch both; and a mint that is not launched yet."""

    def __init__(self) -> None:
        self.store, self.queue, self.events = MemoryStore(), MemoryQueue(), MemoryEvents()
        self.detector, self.venue, self.mint = MemoryLaunches(), Pool("raydium"), new_mint()
        self.triggers = Triggers(
            self.store,
            self.queue,
            announcer(self.events),
            Quoting({"raydium": self.venue}, timeout=1, max_price_impact_bps=300),
            MemoryMetrics(),
            detection=Detection(self.detector, self.store),
        )
        self.submission = Submission(
            self.store, self.queue, announcer(self.events), new_id=lambda: str(uuid.uuid4())
        )

    async def rest(self, price: str = "0.001", **changes: Any) -> str:
        return await self.place(sniper(self.mint, price, **changes))

    async def place(self, terms: Terms) -> str:
        order_id = str(uuid.uuid4())
        await self.store.create(NewOrder(order_id, terms))
        return order_id

    def launch(self, *, opens_in_s: float = 0, **changes: Any) -> None:
        opens_at = self.store.now + timedelta(seconds=opens_in_s)
        self.detector.announce(launch_of(self.mint, opens_at, **changes))

    async def fires(self, order_id: str) -> bool:
        await self.triggers.once()
        order = await self.store.order(order_id)
        assert order is not None
        return order.status is Status.PENDING


@pytest.fixture
def market() -> Market:
    return Market()


async def test_a_sniper_rests_while_its_token_is_not_launched_and_takes_no_quote(market: Market) -> None:
    assert not await market.fires(await market.rest())
    assert market.venue.quotes_asked == 0


async def test_a_sniper_fires_once_its_pool_is_open_however_often_that_is_reported(market: Market) -> None:
    order_id = await market.rest()
    market.launch()
    market.launch()
    assert await market.fires(order_id)
    for _ in range(3):
        await market.triggers.once()
    assert market.queue.sent == [order_id]
    [_, fired] = await market.store.events(order_id)
    assert fired.detail == {"triggerPrice": "0.001"}


async def test_a_pool_that_is_not_open_yet_fires_nothing_until_it_opens(market: Market) -> None:
    order_id = await market.rest()
    market.launch(opens_in_s=5)
    assert not await market.fires(order_id)
    assert market.venue.quotes_asked == 0
    await market.store.pass_time(6)
    assert await market.fires(order_id)


async def test_the_time_of_the_first_report_is_when_a_pool_opens(market: Market) -> None:
    order_id = await market.rest()
    market.launch(opens_in_s=60)
    await market.triggers.once()
    market.launch(opens_in_s=0)
    assert not await market.fires(order_id)


@pytest.mark.parametrize(
    ("price", "fires"), [("0.0009999", True), ("0.001", True), ("0.0010000001", False), ("0.002", False)]
)
async def test_a_sniper_fires_at_its_price_or_a_lower_one(market: Market, price: str, fires: bool) -> None:
    order_id = await market.rest()
    market.launch()
    market.venue.price = Decimal(price)
    assert await market.fires(order_id) is fires


async def test_a_sniper_whose_price_comes_later_fires_then(market: Market) -> None:
    order_id = await market.rest()
    market.launch()
    market.venue.price = Decimal("0.002")
    assert not await market.fires(order_id)
    market.venue.price = Decimal("0.0005")
    assert await market.fires(order_id)


@pytest.mark.parametrize(
    ("launch", "fires"),
    [
        ({"liquidity": 99 * 10**9}, False),
        ({"liquidity": 100 * 10**9}, True),
        ({"liquidity": 10**18, "against": USDC}, False),  # of another pair
        ({"liquidity": 10**18, "venue": "orca"}, False),  # where it may not trade
    ],
)
async def test_a_sniper_fires_where_its_pool_holds_enough(
    market: Market, launch: dict[str, Any], fires: bool
) -> None:
    order_id = await market.rest(min_liquidity=100 * 10**9, venues=frozenset({"raydium"}))
    market.launch(**launch)
    assert await market.fires(order_id) is fires


async def test_one_that_asks_for_no_liquidity_fires_beside_many_that_ask_for_more(market: Market) -> None:
    for _ in range(201):  # more than a pass looks at
        await market.rest("0.002", min_liquidity=10**18)
    order_id = await market.rest()
    market.launch()
    assert await market.fires(order_id)


async def test_its_floor_is_what_its_price_comes_to_in_the_decimals_of_the_launch(market: Market) -> None:
    order_id = await market.rest("0.003")
    market.launch(decimals=2)
    assert await market.fires(order_id)
    claim = await market.store.claim(order_id)
    assert isinstance(claim, Claim)
    assert claim.order.terms.floor_out == 33_334


async def test_a_detector_that_is_away_ends_no_pass(market: Market) -> None:
    order_id = await market.rest()
    market.launch()
    market.detector.unavailable = True
    assert not await market.fires(order_id)
    market.detector.unavailable = False
    assert await market.fires(order_id)


async def test_a_launch_that_could_not_be_stored_is_reported_again(market: Market) -> None:
    market.launch()
    detection = Detection(market.detector, market.store)
    market.store.unavailable = True
    assert await detection.run() == 0
    market.store.unavailable = False
    assert market.detector.taken == {}
    assert await detection.run() == 1


async def listed(market: Market) -> None:
    market.launch()
    await market.triggers.once()


async def test_a_sniper_for_a_token_that_is_traded_is_refused_and_leaves_nothing(market: Market) -> None:
    await listed(market)
    with pytest.raises(TokenListed):
        await market.submission.submit(LOCAL, sniper(market.mint), key="key")
    assert (market.store.rows, market.store.keys, market.events.published) == ({}, {}, [])


async def test_a_sniper_submitted_again_after_its_pool_has_opened_is_its_first(market: Market) -> None:
    first = await market.submission.submit(LOCAL, sniper(market.mint), key="key")
    await listed(market)
    again = await market.submission.submit(LOCAL, sniper(market.mint), key="key")
    assert (again.order_id, again.replayed) == (first.order_id, True)


async def test_while_nothing_can_say_what_is_launched_a_sniper_is_refused_and_others_are_not(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a database of an older version, which has no table of launches."""

    async def missing(mints: object) -> None:
        raise TemporarilyUnavailable

    monkeypatch.setattr(market.store, "open_launches", missing)
    with pytest.raises(TemporarilyUnavailable):
        await market.submission.submit(LOCAL, sniper(market.mint))
    await market.submission.submit(LOCAL, Terms(SOL, USDC, 10**9, 100))
    assert len(market.store.rows) == 1
