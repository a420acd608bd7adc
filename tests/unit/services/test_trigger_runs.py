"""Runs of the triggers over fakes: passes, leases and shards."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from chalicelib.domain.lifecycle import Status
from chalicelib.services.trigger_runs import LEAST_LEASE_S, TriggerRuns

from tests.fakes import MemoryLauncher, eventually
from tests.samples import BONK, COPE
from tests.unit.services.resting import LIMIT, Market

SHARDS = 4


@pytest.fixture
def market() -> Market:
    return Market()


def runs(market: Market, *, shards: int = 1, launcher: MemoryLauncher | None = None) -> TriggerRuns:
    """A process's runs."""
    return TriggerRuns(market.triggers, market.store, poll=0, shards=shards, launcher=launcher)


async def test_a_pass_does_not_wait_for_the_one_before(market: Market) -> None:
    held = await market.rest(replace(LIMIT, token_out=BONK))
    market.trade_at("100")
    market.venue.held = BONK
    run = asyncio.create_task(runs(market).run(0, 60))
    await eventually(lambda: market.venue.waiting)
    other = await market.rest()
    market.trade_at("151")
    await eventually(lambda: other in market.queue.sent)
    assert await market.status(held) is Status.OPEN
    run.cancel()


async def test_a_store_that_is_unavailable_ends_no_run_and_is_logged_once(
    market: Market, caplog: pytest.LogCaptureFixture
) -> None:
    order_id, first = await market.rest(), runs(market)
    market.trade_at("151")
    market.store.unavailable = True
    for _ in range(3):
        done = await first.run(0, 0)
        assert (done.fired, done.expired) == (0, 0)
    market.store.unavailable = False
    for _ in range(3):
        await first.run(0, 0)
    assert market.queue.sent == [order_id]
    assert [record.message.partition(" error=")[0] for record in caplog.records] == [
        "triggers: pass failed, retrying at each poll",
        "triggers: passes succeed again",
    ]


async def test_a_shard_that_another_run_holds_is_left_alone_until_its_lease_is_over(market: Market) -> None:
    first, second = runs(market), runs(market)
    await first.run(0, 0)
    order_id = await market.rest()
    market.trade_at("151")
    assert (await second.run(0, 0)).fired == 0
    assert market.venue.quotes_asked == 0
    market.store.advance(LEAST_LEASE_S + 1)
    assert (await second.run(0, 0)).fired == 1
    assert (await first.run(0, 0)).fired == 0
    assert market.queue.sent == [order_id]


async def test_a_run_whose_time_is_over_gives_its_lease_to_the_next_one_at_once(market: Market) -> None:
    await runs(market).run(0, 0.001)
    await market.rest()
    market.trade_at("151")
    assert (await runs(market).run(0, 0)).fired == 1


async def test_a_run_of_one_pass_keeps_the_lease_for_the_next_one_of_its_process(market: Market) -> None:
    """Else the passes of one machine, which overlap, would take it from each other."""
    process = runs(market)
    await process.run(0, 0)
    await market.rest()
    market.trade_at("151")
    assert (await process.run(0, 0)).fired == 1


async def test_the_shards_together_watch_each_pair_once(market: Market) -> None:
    processes = [runs(market, shards=SHARDS) for _ in range(SHARDS)]
    pairs = [LIMIT, replace(LIMIT, token_out=BONK, floor_out=1), replace(LIMIT, token_out=COPE, floor_out=1)]
    orders = [await market.rest(terms) for terms in pairs for _ in range(2)]
    market.trade_at("151")
    done = [await process.run(number, 0) for number, process in enumerate(processes)]
    assert sum(one.fired for one in done) == len(orders)
    assert sorted(market.queue.sent) == sorted(orders)
    assert all(one.fired % 2 == 0 for one in done)  # a pair's orders are in one shard


async def test_orders_of_any_pair_are_ended_by_the_first_shard(market: Market) -> None:
    terms = replace(LIMIT, token_out=BONK)
    order_id = await market.rest(replace(terms, expires_at=market.store.now))
    market.store.advance(1)
    assert [(await runs(market, shards=SHARDS).run(number, 0)).expired for number in (1, 2, 3, 0)] == [
        0,
        0,
        0,
        1,
    ]
    assert await market.status(order_id) is Status.EXPIRED


async def test_the_schedule_starts_the_other_shards_and_one_that_cannot_be_started_stops_none(
    market: Market, caplog: pytest.LogCaptureFixture
) -> None:
    launcher = MemoryLauncher()
    launcher.refused.add(2)
    await runs(market, shards=SHARDS, launcher=launcher).launch_others()
    assert launcher.launched == [1, 3]
    assert "cannot start run shard=2" in caplog.text
