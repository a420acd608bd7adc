"""A transaction after its send: lost replies, dropped sends, expired blockhashes."""

from __future__ import annotations

import asyncio
from typing import Any

from chalicelib.domain.errors import VenueUnavailable
from chalicelib.domain.lifecycle import Status
from chalicelib.services.execution import Outcome

from tests.fakes import eventually
from tests.unit.services.execution.world import World


async def test_a_lost_reply_is_not_a_lost_swap() -> None:
    world = await World().submit()
    world.chain.script.append("lose reply")
    assert (await world.deliver()).done
    assert world.steps[-3:] == [("building", 1), ("submitted", 1), ("confirmed", 1)]
    assert len(world.chain.sent) == 1
    world.check()


async def test_a_dropped_transaction_is_sent_again_with_the_same_bytes() -> None:
    world = await World().submit()
    world.chain.script.extend(["drop", "drop"])
    assert (await world.deliver()).done
    assert len(world.chain.sent) == 3
    assert len(set(world.chain.sent)) == 1
    world.check()


async def test_a_refused_resend_does_not_fail_a_transaction_that_can_still_land() -> None:
    world = await World(lives=10_000).submit()
    world.chain.script.extend(["hang"] + ["refuse"] * 1000)
    first = asyncio.create_task(world.deliver())
    await eventually(lambda: len(world.chain.sent) > 1)
    world.chain.settle()
    assert (await first).done
    world.check()


async def test_a_transaction_that_lands_just_before_its_blockhash_expires_is_not_expired() -> None:
    world = await World(lives=10).submit()
    world.chain.script.append("hang")
    status = world.chain.status

    async def land_and_expire_after(signature: str) -> Any:
        found = await status(signature)
        world.chain.settle()
        world.chain.height += 1000
        return found

    world.chain.status = land_and_expire_after  # type: ignore[method-assign]
    assert (await world.deliver()).done  # a height read after the status would prove the opposite
    world.check()


async def test_an_expired_transaction_is_replaced_in_the_next_attempt() -> None:
    world = await World(lives=10).submit()
    world.chain.script.extend(["drop"] * 40)
    await world.deliver()
    assert world.steps[-1] == ("pending", 2)
    assert world.shown[-1]["code"] == "BLOCKHASH_EXPIRED"
    world.chain.script.clear()
    assert (await world.deliver()).done
    assert len({sent.signature for sent in world.chain.sent}) == 2
    world.check()


async def test_an_undecided_order_is_released_and_settled_by_a_later_worker() -> None:
    world = await World(lives=10_000).submit()
    world.chain.script.extend(["hang"] * 1000)
    outcome = await world.deliver(world.worker(confirm_timeout=0.02))
    assert outcome == Outcome(done=False, retry_in_ms=20)
    assert world.steps[-1] == ("submitted", 1)
    world.chain.settle()
    assert (await world.deliver()).done  # at once: no worker holds it
    assert len({sent.signature for sent in world.chain.sent}) == 1
    world.check()


async def test_the_last_attempt_does_not_fail_while_its_transaction_can_land() -> None:
    world = await World(lives=10_000).submit()
    world.raydium.script.extend([VenueUnavailable()] * 2)
    world.meteora.script.extend([VenueUnavailable()] * 2)
    world.chain.script.extend(["hang"] * 10_000)
    for _ in range(6):
        await world.deliver(world.worker(confirm_timeout=0.005))
    assert world.steps[-1] == ("submitted", 3)
    world.chain.settle()
    assert (await world.deliver()).done
    world.check()


async def test_the_last_attempt_fails_once_its_transaction_has_expired() -> None:
    world = await World(lives=5).submit()
    world.chain.script.extend(["drop"] * 1000)
    outcomes = await world.deliver_until_it_ends()
    assert len(outcomes) == 3
    assert (world.shown[-1]["status"], world.shown[-1]["code"]) == ("failed", "BLOCKHASH_EXPIRED")
    world.check()


async def test_a_chain_that_becomes_unavailable_after_the_send_is_waited_for() -> None:
    world = await World(lives=10_000).submit()
    world.chain.script.extend(["hang"] * 10_000)  # however often it is sent
    work = asyncio.create_task(world.deliver())
    await eventually(lambda: world.status is Status.SUBMITTED)
    world.chain.unavailable = True
    world.chain.settle()
    world.chain.unavailable = False
    assert (await work).done
    world.check()
