"""What has landed on the chain, over every order that the tests have submitted so far."""

from __future__ import annotations

import asyncio

from tests.e2e import evidence
from tests.e2e.client import Client
from tests.e2e.engine import Engine
from tests.e2e.life import assert_complete

EVERY_FAULT = ("SOL", "COPE", "FIDA", "RAY", "JUP", "JTO")


async def test_every_confirmed_order_has_exactly_one_landed_swap_and_a_failed_one_none(
    client: Client, engine: Engine
) -> None:
    lives = await asyncio.gather(*(client.execute(token, "USDC") for token in EVERY_FAULT * 3))
    for events in lives:
        assert_complete(events)
    orders = evidence.landed_swaps(engine)
    assert len(orders) >= len(lives)
    for order_id, status, landed, as_confirmed in orders:
        match status:
            case "confirmed":
                assert (landed, as_confirmed) == (1, 1), order_id
            case "failed":
                assert landed == 0, order_id
            case _:  # of a test that did not wait for it
                assert landed <= 1, order_id
