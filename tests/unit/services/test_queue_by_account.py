"""Whatever queues an order names its account, which the queue is fair to."""

from __future__ import annotations

from chalicelib.domain.account import LOCAL, Account
from chalicelib.domain.lifecycle import Status
from chalicelib.ports.store import NewOrder
from chalicelib.services.redrive import Redrive
from chalicelib.services.submission import Submission
from chalicelib.services.sweep import Sweep

from tests.fakes import MemoryDeadLetters, MemoryQueue, MemoryStore, announcer
from tests.samples import TERMS
from tests.unit.services.resting import LIMIT, Market

ALICE, BOB = Account("alice"), Account("bob")


async def test_a_submit() -> None:
    queue = MemoryQueue()
    submission = Submission(MemoryStore(), queue, announcer(), new_id=iter(("hers", "his")).__next__)
    for account in (ALICE, BOB):
        await submission.submit(account, TERMS)
    assert queue.accounts == {"hers": ALICE, "his": BOB}


async def test_the_sweep() -> None:
    store, queue = MemoryStore(sweep_after_ms=60_000), MemoryQueue()
    for order_id, account in (("hers", ALICE), ("his", BOB)):
        await store.create(NewOrder(order_id, TERMS, account=account))
    await store.pass_time(61)
    await Sweep(store, queue, claimed_within_s=0).run()
    assert queue.accounts == {"hers": ALICE, "his": BOB}


async def test_a_redrive() -> None:
    store, queue, letters = MemoryStore(), MemoryQueue(), MemoryDeadLetters()
    for order_id, account in (("hers", ALICE), ("his", BOB)):
        await store.create(NewOrder(order_id, TERMS, account=account))
        store.append(order_id, Status.FAILED)
        letters.put("", order_id)
    await Redrive(store, queue, announcer(), letters).run(LOCAL)
    assert queue.accounts == {"hers": ALICE, "his": BOB}


async def test_a_trigger() -> None:
    market = Market()
    for order_id, account in (("hers", ALICE), ("his", BOB)):
        await market.store.create(NewOrder(order_id, LIMIT, account=account))
    market.trade_at("151")
    await market.triggers.once()
    assert market.queue.accounts == {"hers": ALICE, "his": BOB}
