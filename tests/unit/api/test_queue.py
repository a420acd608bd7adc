from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import app as functions
import pytest
from chalicelib.domain.attempt import Attempt, Transition
from chalicelib.domain.errors import InsufficientLiquidity, VenueUnavailable
from chalicelib.domain.transaction import SignedTransaction
from chalicelib.ports.store import NewOrder

from tests.fakes import MemoryEngine
from tests.samples import TERMS

ORDER = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def engine() -> Iterator[MemoryEngine]:
    with MemoryEngine(confirm_timeout_ms=200) as engine:
        asyncio.run(engine.store.create(NewOrder(ORDER, TERMS)))
        yield engine


def deliver(*bodies: str) -> Any:
    """What the deployed function answers to SQS."""
    records = [
        {"messageId": f"message-{number}", "receiptHandle": f"receipt-{number}", "body": body}
        for number, body in enumerate(bodies)
    ]
    return functions.process_order({"Records": records}, None)


def message(order_id: str = ORDER) -> str:
    return json.dumps({"orderId": order_id})


def left(*numbers: int) -> dict[str, object]:
    return {"batchItemFailures": [{"itemIdentifier": f"message-{number}"} for number in numbers]}


def test_the_message_of_a_filled_order_is_done(engine: MemoryEngine) -> None:
    assert deliver(message()) == left()
    assert engine.store.log[ORDER][-1].status == "confirmed"
    assert engine.queue.retries == []


def test_a_failed_attempt_leaves_the_message_with_its_retry_delay(engine: MemoryEngine) -> None:
    engine.raydium.always = engine.meteora.always = VenueUnavailable()
    assert deliver(message()) == left(0)
    [(receipt, delay_ms)] = engine.queue.retries
    assert receipt == "receipt-0"
    assert 500 <= delay_ms <= 625
    assert engine.store.log[ORDER][-1].detail["retryInMs"] == delay_ms


def test_the_message_of_a_failed_order_becomes_a_dead_letter_at_once(engine: MemoryEngine) -> None:
    engine.raydium.always = engine.meteora.always = InsufficientLiquidity()
    assert deliver(message()) == left(0)
    assert deliver(message()) == left(0)
    assert engine.queue.retries == [("receipt-0", 0)] * 2
    assert engine.store.log[ORDER][-1].status == "failed"


@pytest.mark.parametrize(
    "body",
    ["", "not json", "{}", "[]", "null", '"x"', '{"orderId": null}', '{"orderId": "17"}', "[" * 100_000],
)
def test_a_message_without_an_order_is_left_to_the_dead_letter_queue(engine: MemoryEngine, body: str) -> None:
    assert deliver(body) == left(0)


def test_while_the_store_is_unavailable_messages_wait(engine: MemoryEngine) -> None:
    engine.store.unavailable = True
    assert deliver(message()) == left(0)
    assert engine.queue.retries == [("receipt-0", 5000)]


def test_an_illegal_transition_is_logged_as_an_error_and_its_message_retried(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def submit(attempt: Attempt, transaction: SignedTransaction) -> Transition:
        return attempt.confirm(transaction, amount_out=1, slot=1)

    monkeypatch.setattr(Attempt, "submit", submit)
    assert deliver(message()) == left(0)
    assert engine.queue.retries == [("receipt-0", 5000)]
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        f"illegal transition order={ORDER}"
    ]
    assert engine.store.log[ORDER][-1].status == "building"


def test_an_unset_retry_delay_leaves_the_message_to_its_visibility_timeout(engine: MemoryEngine) -> None:
    engine.raydium.always = engine.meteora.always = VenueUnavailable()
    engine.queue.unavailable = True
    assert deliver(message()) == left(0)


def test_of_several_messages_only_the_unfinished_are_returned(engine: MemoryEngine) -> None:
    assert deliver("no order", message(), "no order") == left(0, 2)
    assert engine.store.log[ORDER][-1].status == "confirmed"


def test_a_message_that_comes_twice_fills_its_order_once(engine: MemoryEngine) -> None:
    assert deliver(message(), message()) == left()
    assert len(engine.chain.swaps[ORDER]) == 1
