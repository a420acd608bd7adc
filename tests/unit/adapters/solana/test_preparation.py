"""From a quote to a transaction: what Jupiter may answer, and what comes of it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from chalicelib.adapters.solana.blockhashes import Blockhashes
from chalicelib.adapters.solana.preparation import Preparation
from chalicelib.domain.errors import (
    AttemptFailed,
    BlockhashExpired,
    ChainUnavailable,
    InsufficientFunds,
    SigningRefused,
    SlippageExceeded,
    VenueUnavailable,
)
from chalicelib.domain.routing import Quote

from .tampering import Offer, offer

OFFER = offer(Random(3))
ORDER = OFFER.memo
GOOD: Mapping[str, Any] = {
    "outAmount": str(OFFER.amount_out),
    "otherAmountThreshold": str(OFFER.minimum_out),
    "transaction": base64.b64encode(OFFER.transaction()).decode(),
}
NODE = {
    "isBlockhashValid": {"context": {"slot": 7}, "value": True},
    "getLatestBlockhash": {"value": {"blockhash": "newest", "lastValidBlockHeight": 157}},
}


class ScriptedJupiter:
    """Gives its answers in turn, the last one for good."""

    def __init__(self, *answers: Mapping[str, Any]) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, str]] = []

    async def order(self, token_in: object, token_out: object, amount_in: int, **more: str) -> Any:
        self.asked.append(more)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def preparation(jupiter: ScriptedJupiter, node: Mapping[str, Any] = NODE) -> Preparation:
    async def nothing(*arguments: object) -> None:
        pass

    async def call(method: str, *params: object) -> Any:
        if isinstance(node[method], Exception):
            raise node[method]
        return node[method]

    parts: list[Any] = [
        jupiter,
        Blockhashes(SimpleNamespace(call=call)),  # type: ignore[arg-type]
        str(OFFER.wallet.pubkey()),
        SimpleNamespace(admit=nothing),
        SimpleNamespace(run=nothing),
        SimpleNamespace(check=nothing),
    ]
    return Preparation(*parts, priority_fee=10_000)


async def prepare(found: Preparation, given: Offer = OFFER) -> Any:
    quote = Quote("raydium", given.token_in, given.token_out, given.amount_in, given.amount_out, 0, 0)
    return await found.swap(quote, given.minimum_out, ORDER)


async def test_a_swap_has_the_transaction_and_the_end_of_its_blockhash_on_any_fork() -> None:
    swap = await prepare(preparation(ScriptedJupiter(GOOD)))
    assert swap.prepared.raw == OFFER.transaction()
    assert (swap.prepared.blockhash, swap.prepared.last_valid_block_height) == (
        str(OFFER.blockhash),
        157 + 32,
    )


async def test_a_price_that_has_moved_is_asked_for_again_with_what_is_left_of_the_room() -> None:
    lower = {**GOOD, "otherAmountThreshold": str(OFFER.minimum_out - 1)}
    jupiter = ScriptedJupiter(lower, GOOD)
    await prepare(preparation(jupiter))
    assert len(jupiter.asked) == 2


async def test_a_price_that_stays_below_the_minimum_is_refused() -> None:
    lower = {**GOOD, "otherAmountThreshold": str(OFFER.minimum_out - 1)}
    with pytest.raises(SlippageExceeded):
        await prepare(preparation(ScriptedJupiter(lower)))
    gone = {**lower, "outAmount": str(OFFER.minimum_out - 1)}
    with pytest.raises(SlippageExceeded):
        await prepare(preparation(ScriptedJupiter(gone)))


@pytest.mark.parametrize(
    ("answer", "error", "code"),
    [
        ({"errorCode": 1, "errorMessage": "Insufficient funds"}, InsufficientFunds, "INSUFFICIENT_FUNDS"),
        ({"errorCode": 2, "errorMessage": "No SOL for gas"}, InsufficientFunds, "INSUFFICIENT_FUNDS"),
        ({"errorCode": 3, "errorMessage": "Minimum for gasless"}, VenueUnavailable, "VENUE_UNAVAILABLE"),
        ({"transaction": None}, VenueUnavailable, "VENUE_UNAVAILABLE"),
        ({"transaction": "not base64!"}, SigningRefused, "TRANSACTION_MALFORMED"),
        ({"transaction": "é"}, SigningRefused, "TRANSACTION_MALFORMED"),
        ({"transaction": "AAAA"}, SigningRefused, "TRANSACTION_MALFORMED"),
        ({"otherAmountThreshold": "much"}, VenueUnavailable, "VENUE_UNAVAILABLE"),
        ({"otherAmountThreshold": None}, VenueUnavailable, "VENUE_UNAVAILABLE"),
    ],
)
async def test_an_answer_without_a_usable_transaction_fails_the_attempt(
    answer: dict[str, Any], error: type[AttemptFailed], code: str
) -> None:
    without = {"transaction": ""} if "errorCode" in answer else {}
    with pytest.raises(error) as failed:
        await prepare(preparation(ScriptedJupiter({**GOOD, **without, **answer})))
    assert failed.value.code == code


async def test_a_blockhash_that_the_chain_does_not_know_is_not_signed() -> None:
    unknown = {**NODE, "isBlockhashValid": {"context": {"slot": 7}, "value": False}}
    with pytest.raises(BlockhashExpired):
        await prepare(preparation(ScriptedJupiter(GOOD), unknown))


@pytest.mark.parametrize("method", ["isBlockhashValid", "getLatestBlockhash"])
async def test_an_answer_of_another_form_is_no_answer(method: str) -> None:
    for answer in (None, {}, {"value": None}, "text"):
        with pytest.raises(ChainUnavailable):
            await prepare(preparation(ScriptedJupiter(GOOD), {**NODE, method: answer}))


async def test_without_a_node_nothing_is_signed() -> None:
    with pytest.raises(ChainUnavailable):
        await prepare(preparation(ScriptedJupiter(GOOD), {**NODE, "isBlockhashValid": OSError("away")}))
