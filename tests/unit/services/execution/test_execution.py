from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from chalicelib.api.wire.events import event_object
from chalicelib.domain.errors import (
    AttemptFailed,
    InsufficientLiquidity,
    QuoteTimeout,
    SlippageExceeded,
    TemporarilyUnavailable,
    TransactionFailed,
    VenueUnavailable,
)
from chalicelib.domain.lifecycle import TERMINAL, Actor, Status, sources
from chalicelib.domain.retry import RetryPolicy
from chalicelib.ports.store import NewOrder
from chalicelib.services.execution import Execution, ExecutionLimits, Outcome, settlement
from chalicelib.services.quoting import Quoting

from tests.fakes import (
    Crash,
    Fuse,
    MemoryChain,
    MemoryEvents,
    MemoryMetrics,
    MemorySigner,
    MemoryStore,
    MemoryVenue,
    eventually,
)
from tests.samples import TERMS

ORDER = "11111111-1111-4111-8111-111111111111"
LEASE_S = 45


@pytest.fixture(autouse=True)
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settlement, "FIRST_POLL_S", 0.0005)
    monkeypatch.setattr(settlement, "LONGEST_POLL_S", 0.001)
    monkeypatch.setattr(settlement, "RESEND_S", 0.001)


class World:
    """An order, and the ports of its workers in memory; `worker()` is one process."""

    def __init__(self, **chain: Any) -> None:
        self.store = MemoryStore(lease_ms=LEASE_S * 1000)
        self.events = MemoryEvents()
        self.raydium = MemoryVenue("raydium", 150_000_000)
        self.meteora = MemoryVenue("meteora", 151_000_000)
        self.chain = MemoryChain(**chain)
        self.signer = MemorySigner()
        self.metrics = MemoryMetrics()

    def worker(
        self, *, through: Callable[[Any], Any] = lambda port: port, confirm_timeout: float = 0.5
    ) -> Execution:
        venues = {venue.name: through(venue) for venue in (self.raydium, self.meteora)}
        return Execution(
            through(self.store),
            through(self.events),
            venues,
            Quoting(venues, timeout=0.05),
            through(self.chain),
            through(self.signer),
            ExecutionLimits(confirm_timeout, max_price_impact_bps=1000, retry=RetryPolicy()),
            lambda: 0.5,
            self.metrics,
        )

    async def submit(self) -> World:
        await self.store.create(NewOrder(ORDER, TERMS))
        return self

    async def deliver(self, worker: Execution | None = None) -> Outcome:
        """One delivery of the order's message."""
        return await (worker or self.worker()).process(ORDER)

    async def deliver_until_it_ends(self, most: int = 12) -> list[Outcome]:
        """Delivery after delivery, as the queue and then the sweep would, until the order has ended."""
        outcomes = []
        while not self.store.rows[ORDER].order.is_terminal:
            assert len(outcomes) < most, "the order does not end"
            outcomes.append(await self.deliver())
            await self.store.pass_time(LEASE_S + 1)
        return outcomes

    @property
    def steps(self) -> list[tuple[str, int]]:
        """(status, attempt) of every event."""
        return [(event.status.value, event.attempt) for event in self.store.log[ORDER]]

    @property
    def shown(self) -> list[dict[str, object]]:
        return [event_object(event) for event in self.store.log[ORDER]]

    @property
    def status(self) -> Status:
        return self.store.rows[ORDER].order.status

    def check(self) -> None:
        """Check what must hold of every order at any time."""
        log = self.store.log[ORDER]
        assert [event.seq for event in log] == list(range(1, len(log) + 1))
        for before, after in itertools.pairwise(log):
            assert before.status in sources(after.status, Actor.CLAIM, Actor.WORKER)
        assert sum(event.status in TERMINAL for event in log) <= 1
        landed = self.chain.swaps[ORDER]
        assert len(landed) <= 1
        if self.status is Status.CONFIRMED:
            assert landed == [self.store.rows[ORDER].order.signature]
        if self.status is Status.FAILED:
            assert landed == []


async def test_an_order_passes_every_step_once_and_each_is_published() -> None:
    world = await World().submit()
    assert await world.deliver() == Outcome(done=True)
    assert world.steps == [
        ("pending", 1),
        ("routing", 1),
        ("building", 1),
        ("submitted", 1),
        ("confirmed", 1),
    ]
    assert [event_object(event) for event in world.events.published] == world.shown[
        1:
    ]  # the first is submit's
    world.check()


async def test_the_events_have_the_route_both_quotes_and_the_fill() -> None:
    world = await World().submit()
    await world.deliver()
    _, _, building, submitted, confirmed = world.shown
    assert building["chosen"] == "meteora"
    assert building["route"] == {
        "dex": "meteora",
        "amountOut": "151",
        "minimumOut": "149.49",
        "priceImpactBps": 1,
    }
    assert {name: quote["amountOut"] for name, quote in building["quotes"].items()} == {  # type: ignore[attr-defined]
        "raydium": "150",
        "meteora": "151",
    }
    assert (submitted["dex"], submitted["txHash"]) == ("meteora", "signature-1")
    assert {key: confirmed[key] for key in ("dex", "txHash", "executedPrice", "amountOut")} == {
        "dex": "meteora",
        "txHash": "signature-1",
        "executedPrice": "149.49",
        "amountOut": "149.49",
    }
    assert isinstance(confirmed["slot"], int)


async def test_the_signed_transaction_is_stored_before_it_is_sent() -> None:
    world = await World().submit()
    kept_at_send = []
    send = world.chain.send

    async def look_and_send(transaction: Any) -> str:
        kept_at_send.append(world.store.rows[ORDER].transaction == transaction)
        return await send(transaction)

    world.chain.send = look_and_send  # type: ignore[method-assign]
    await world.deliver()
    assert kept_at_send == [True]


async def test_a_quote_that_times_out_twice_is_retried_and_the_order_confirmed() -> None:
    world = await World().submit()
    for venue in (world.raydium, world.meteora):
        venue.script.extend([QuoteTimeout("No answer."), None])  # None: not even an error
    outcomes = await world.deliver_until_it_ends()
    assert outcomes == [Outcome(False, 562), Outcome(False, 1125), Outcome(True)]
    assert world.steps == [
        ("pending", 1),
        ("routing", 1),
        ("pending", 2),
        ("routing", 2),
        ("pending", 3),
        ("routing", 3),
        ("building", 3),
        ("submitted", 3),
        ("confirmed", 3),
    ]
    assert [step["retryInMs"] for step in world.shown if "retryInMs" in step] == [562, 1125]
    assert [step["code"] for step in world.shown if "code" in step] == ["QUOTE_TIMEOUT"] * 2
    assert world.shown[2]["error"] == "No answer."
    world.check()


async def test_one_venue_with_a_quote_is_enough() -> None:
    world = await World().submit()
    world.meteora.always = VenueUnavailable("Meteora is unavailable.")
    assert (await world.deliver()).done
    quotes: Any = world.shown[2]["quotes"]
    assert quotes["meteora"] == {"error": "Meteora is unavailable.", "code": "VENUE_UNAVAILABLE"}
    assert world.store.rows[ORDER].order.venue == "raydium"


async def test_an_order_that_always_fails_is_failed_once_after_three_attempts() -> None:
    world = await World().submit()
    world.raydium.always = world.meteora.always = VenueUnavailable("No venue answers.")
    outcomes = await world.deliver_until_it_ends()
    assert [outcome.done for outcome in outcomes] == [False] * 3
    assert outcomes[-1].retry_in_ms == 0  # to the dead letters at once
    last = world.shown[-1]
    assert (last["status"], last["attempts"], last["error"], last["code"]) == (
        "failed",
        3,
        "No venue answers.",
        "VENUE_UNAVAILABLE",
    )
    assert (await world.deliver()) == Outcome(done=False)  # delivered again, it has no new event
    assert world.shown[-1] == last
    order = world.store.rows[ORDER].order
    assert (order.error, order.code) == ("No venue answers.", "VENUE_UNAVAILABLE")
    world.check()


@pytest.mark.parametrize(
    "error", [InsufficientLiquidity("The pool is dry."), None], ids=["no liquidity", "price impact"]
)
async def test_an_error_that_no_retry_can_mend_fails_the_order_at_once(error: Exception | None) -> None:
    world = await World().submit()
    for venue in (world.raydium, world.meteora):
        venue.always, venue.impact_bps = error, 1001
    assert await world.deliver() == Outcome(done=False)
    assert world.steps[-1] == ("failed", 1)
    assert world.shown[-1]["attempts"] == 1
    assert world.shown[-1]["code"] == ("INSUFFICIENT_LIQUIDITY" if error else "PRICE_IMPACT_TOO_HIGH")
    world.check()


async def test_a_time_out_is_retried_though_the_other_venue_lacks_liquidity() -> None:
    world = await World().submit()
    world.raydium.script.append(InsufficientLiquidity())
    world.meteora.script.append(QuoteTimeout())
    await world.deliver()
    assert world.steps[-1] == ("pending", 2)


async def test_slippage_on_chain_costs_an_attempt_and_the_next_signs_a_new_transaction() -> None:
    world = await World().submit()
    world.chain.script.append(SlippageExceeded())
    await world.deliver_until_it_ends()
    assert world.steps[2:6] == [("building", 1), ("submitted", 1), ("pending", 2), ("routing", 2)]
    assert world.shown[4]["code"] == "SLIPPAGE_EXCEEDED"
    assert [sent.signature for sent in world.chain.sent] == ["signature-1", "signature-2"]
    assert world.store.rows[ORDER].order.error is None  # a confirmed order has no error
    world.check()


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


async def test_an_unavailable_chain_costs_an_attempt_before_anything_is_signed() -> None:
    world = await World().submit()
    world.chain.unavailable = True
    await world.deliver()
    assert world.steps[-1] == ("pending", 2)
    assert world.shown[-1]["code"] == "CHAIN_UNAVAILABLE"


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


async def test_an_unexpected_error_of_a_venue_is_a_venue_error() -> None:
    world = await World().submit()
    world.meteora.always = world.raydium.always = RuntimeError("a bug in the venue")
    await world.deliver()
    assert world.shown[-1]["code"] == "VENUE_UNAVAILABLE"
    assert "bug" not in str(world.shown[-1]["error"])


async def test_the_message_of_an_order_that_another_worker_holds_is_done() -> None:
    world = await World().submit()
    await world.store.claim(ORDER)
    await world.store.pass_time(30)
    assert await world.deliver() == Outcome(done=True)
    assert world.steps == [("pending", 1), ("routing", 1)]


async def test_the_message_of_a_confirmed_order_is_done_at_every_delivery() -> None:
    world = await World().submit()
    await world.deliver()
    sent, steps = len(world.chain.sent), world.steps
    assert await world.deliver() == Outcome(done=True)
    assert (len(world.chain.sent), world.steps) == (sent, steps)


async def test_the_message_of_an_unknown_order_is_left_to_the_dead_letter_queue() -> None:
    assert await World().worker().process(ORDER) == Outcome(done=False)


async def test_the_message_of_a_withdrawn_order_is_done() -> None:
    world = await World().submit()
    assert await world.store.withdraw(ORDER)
    assert await world.deliver() == Outcome(done=True)


async def test_an_unavailable_store_raises() -> None:
    world = await World().submit()
    world.store.unavailable = True
    with pytest.raises(TemporarilyUnavailable):
        await world.deliver()


@pytest.mark.parametrize("reached", ["routing", "building", "submitted"])
async def test_a_claim_lost_to_another_worker_changes_nothing(reached: str) -> None:
    world = await World(lives=10_000).submit()
    world.chain.script.extend(["hang"] * 1000)
    if reached == "routing":
        world.meteora.script.append(None)
    if reached == "building":
        world.chain.takes_sends.clear()
    slow = asyncio.create_task(world.deliver())
    await eventually(lambda: world.status.value == reached)
    await world.store.pass_time(LEASE_S + 1)
    taken = await world.store.claim(ORDER)  # another worker, which is then lost
    before = world.steps
    world.chain.settle()
    world.chain.takes_sends.set()
    outcome = await slow
    assert not outcome.done
    assert outcome.retry_in_ms > 0
    assert world.steps == before
    assert taken is not None
    await world.store.pass_time(LEASE_S + 1)
    world.chain.script.clear()
    await world.deliver_until_it_ends()
    assert world.status is Status.CONFIRMED
    world.check()


async def test_ten_deliveries_at_once_make_one_swap() -> None:
    world = await World().submit()
    outcomes = await asyncio.gather(*(world.deliver() for _ in range(10)))
    assert outcomes == [Outcome(done=True)] * 10  # one has filled it, the others found it claimed
    assert world.status is Status.CONFIRMED
    world.check()


CHAINS: list[list[str | AttemptFailed]] = [
    [],
    ["drop"],
    ["lose reply"],
    ["hang"] * 3,
    [SlippageExceeded(), "lose reply"],
    [TransactionFailed("It went wrong."), "drop"],
]


@pytest.mark.parametrize("outcomes_on_chain", CHAINS, ids=str)
@pytest.mark.parametrize("after", [False, True], ids=["before the call", "after the call"])
async def test_a_crash_at_any_step_never_swaps_twice_and_the_order_always_ends(
    outcomes_on_chain: list[str | AttemptFailed], after: bool
) -> None:
    for step in itertools.count(1):
        world = await World(lives=40).submit()
        world.chain.script.extend(outcomes_on_chain)
        fuse = Fuse(step, after=after)
        try:
            await world.deliver(world.worker(through=fuse.through))
        except Crash:
            world.check()
        await world.store.pass_time(LEASE_S + 1)
        world.chain.settle()
        await world.deliver_until_it_ends()
        world.check()
        assert world.status is Status.CONFIRMED
        if not fuse.burnt:
            break
    assert step > 10  # every call of an attempt was reached


async def test_an_order_whose_every_worker_crashes_fails_after_three_attempts() -> None:
    world = await World().submit()
    deliveries = 0
    while not world.store.rows[ORDER].order.is_terminal:
        deliveries += 1
        assert deliveries < 20
        fuse = Fuse(1)
        worker = world.worker(
            through=lambda port, fuse=fuse: fuse.through(port) if isinstance(port, MemoryVenue) else port
        )
        try:
            await world.deliver(worker)
        except Crash:
            await world.store.pass_time(LEASE_S + 1)
    assert (world.shown[-1]["code"], world.shown[-1]["attempts"]) == ("WORKER_LOST", 3)
    world.check()
