"""What a node's answers mean for a transaction: landed, failed, undecided, or no answer at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from chalicelib.adapters.solana.chain import RpcChain
from chalicelib.adapters.solana.fill import fill_of
from chalicelib.adapters.solana.inspection import NATIVE
from chalicelib.adapters.solana.rpc import RpcRefusal
from chalicelib.domain.errors import (
    BlockhashExpired,
    InsufficientFunds,
    SlippageExceeded,
    TransactionFailed,
)
from chalicelib.ports.trading import Landed, ProgramError, SignedTransaction, Unconfirmed

WALLET, VENUE, TOKEN = "wallet", "venue", "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
SIGNED = SignedTransaction("signature", b"raw", 100)


class ScriptedRpc:
    """Answers each method as it is scripted: by a value, by an error to raise, or by a function."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.calls: list[str] = []

    async def call(self, method: str, *params: object) -> Any:
        self.calls.append(method)
        answer = self.answers[method]
        if isinstance(answer, Exception):
            raise answer
        return answer(*params) if isinstance(answer, Callable) else answer  # type: ignore[arg-type]


def chain(commitment: str = "confirmed", **answers: Any) -> RpcChain:
    return RpcChain(ScriptedRpc(**answers), commitment)  # type: ignore[arg-type]


def statuses(*found: Any, slot: int = 50) -> Any:
    return {"context": {"slot": slot}, "value": [*found]}


def status(level: str = "confirmed", err: object = None) -> Any:
    return {"slot": 40, "err": err, "confirmationStatus": level}


def balance(owner: str, mint: str, amount: int, index: int = 1) -> Any:
    return {"accountIndex": index, "owner": owner, "mint": mint, "uiTokenAmount": {"amount": str(amount)}}


def transaction(**meta: Any) -> Any:
    """A landed swap: the wallet gives 5 of A, and gets 70 of B."""
    instructions = [
        {"programIdIndex": 3, "accounts": [1, 2, 0]},
        {"programIdIndex": 3, "accounts": [2, 2, 0]},
    ]
    return {
        "slot": 40,
        "transaction": {
            "signatures": ["signature", "venue's"],
            "message": {"accountKeys": [WALLET, "a", "b", TOKEN], "instructions": instructions},
        },
        "meta": {
            "fee": 10_700,
            "computeUnitsConsumed": 850,
            "preBalances": [1_000_000, 5, 5, 1],
            "postBalances": [989_300, 5, 5, 1],
            "preTokenBalances": [balance(WALLET, "A", 100), balance(VENUE, "B", 900, 2)],
            "postTokenBalances": [balance(WALLET, "A", 95), balance(WALLET, "B", 70, 2)],
            **meta,
        },
    }


async def test_a_landed_swap_is_read_from_its_transaction() -> None:
    answers = {"getSignatureStatuses": statuses(status()), "getTransaction": transaction()}
    assert await chain(**answers).status("signature") == Landed(40, 70, 10_000, 700, 850)


@pytest.mark.parametrize(
    ("commitment", "level", "is_enough"),
    [
        ("confirmed", "processed", False),
        ("confirmed", "confirmed", True),
        ("finalized", "confirmed", False),
        ("finalized", "finalized", True),
    ],
)
async def test_a_block_below_the_commitment_neither_lands_nor_kills(
    commitment: str, level: str, is_enough: bool
) -> None:
    answers = {"getSignatureStatuses": statuses(status(level)), "getTransaction": transaction()}
    found = await chain(commitment, **answers).status("signature")
    assert isinstance(found, Landed if is_enough else Unconfirmed)


async def test_a_transaction_that_landed_and_can_not_be_read_yet_is_undecided() -> None:
    answers = {"getSignatureStatuses": statuses(status()), "getTransaction": None}
    assert isinstance(await chain(**answers).status("signature"), Unconfirmed)


async def test_a_node_behind_the_height_does_not_say_that_a_transaction_is_unknown() -> None:
    epoch = {"absoluteSlot": 60, "blockHeight": 55}
    rpc = chain(getEpochInfo=epoch, getSignatureStatuses=statuses(None, slot=59))
    assert await rpc.block_height() == 55
    with pytest.raises(OSError, match="behind"):
        await rpc.status("signature")


async def test_a_node_as_far_as_the_height_says_that_a_transaction_is_unknown() -> None:
    epoch = {"absoluteSlot": 60, "blockHeight": 55}
    rpc = chain(getEpochInfo=epoch, getSignatureStatuses=statuses(None, slot=60))
    await rpc.block_height()
    assert await rpc.status("signature") is None


async def test_a_height_is_shared_for_a_slots_time() -> None:
    rpc = ScriptedRpc(getEpochInfo={"absoluteSlot": 60, "blockHeight": 55})
    found = RpcChain(rpc)  # type: ignore[arg-type]
    assert [await found.block_height() for _ in range(5)] == [55] * 5
    assert rpc.calls == ["getEpochInfo"]


@pytest.mark.parametrize(
    ("err", "error"),
    [
        ({"InstructionError": [4, {"Custom": 6001}]}, SlippageExceeded),
        ({"InstructionError": [1, {"Custom": 1}]}, SlippageExceeded),  # the guard
        ({"InstructionError": [0, {"Custom": 1}]}, InsufficientFunds),  # a transfer
        ("InsufficientFundsForFee", InsufficientFunds),
        ({"InstructionError": [0, "InvalidArgument"]}, TransactionFailed),
        ("AccountInUse", TransactionFailed),
    ],
)
async def test_what_failed_on_the_chain_is_one_of_our_errors(err: object, error: type[Exception]) -> None:
    answers = {"getSignatureStatuses": statuses(status(err=err)), "getTransaction": transaction(err=err)}
    found = await chain(**answers).status("signature")
    assert isinstance(found, ProgramError)
    assert type(found.error) is error


async def test_a_refused_read_is_no_answer() -> None:
    for method in ("getEpochInfo", "getSignatureStatuses"):
        answers: dict[str, Any] = {method: RpcRefusal(-32603, "Internal error")}
        rpc = chain(**answers)
        with pytest.raises(OSError, match="Internal error"):
            await (rpc.block_height() if method == "getEpochInfo" else rpc.status("signature"))


@pytest.mark.parametrize("answer", [None, {}, [], 7, "text", {"value": [{}], "context": {"slot": 50}}])
async def test_an_answer_of_another_form_is_no_answer(answer: object) -> None:
    given: dict[str, Any] = dict.fromkeys(
        ("getEpochInfo", "getSignatureStatuses", "getLatestBlockhash"), answer
    )
    rpc = chain(**given)
    for asked in (rpc.block_height, rpc.latest_blockhash, lambda: rpc.status("signature")):
        with pytest.raises(OSError, match="another form"):
            await asked()


@pytest.mark.parametrize("landed", [{}, 7, {"meta": None}, {**transaction(), "slot": None, "meta": {}}])
async def test_a_fill_of_another_form_is_no_answer(landed: object) -> None:
    rpc = chain(getSignatureStatuses=statuses(status()), getTransaction=landed)
    with pytest.raises(OSError, match="another form"):
        await rpc.status("signature")


async def test_the_errors_of_a_send_are_distinguished() -> None:
    assert await chain(sendTransaction="signature").send(SIGNED) == "signature"
    landed = RpcRefusal(-32002, "This transaction has already been processed", "AlreadyProcessed")
    assert await chain(sendTransaction=landed).send(SIGNED) == "signature"
    with pytest.raises(BlockhashExpired):
        await chain(sendTransaction=RpcRefusal(-32002, "Blockhash not found", "BlockhashNotFound")).send(
            SIGNED
        )
    with pytest.raises(TransactionFailed):
        await chain(sendTransaction=RpcRefusal(-32003, "Signature failure")).send(SIGNED)


def test_a_fill_is_the_signers_whichever_key_is_set_by_now() -> None:
    landed = transaction(postTokenBalances=[balance(WALLET, "B", 70, 2), balance(VENUE, "B", 1_700, 1)])
    assert fill_of(landed).amount_out == 70


def test_sol_that_was_bought_and_unwrapped_is_counted_in_lamports() -> None:
    landed = transaction(
        preBalances=[1_000_000, 0, 0, 1],
        postBalances=[6_000_000 - 10_700, 0, 0, 1],
        preTokenBalances=[balance(WALLET, "A", 100)],
        postTokenBalances=[balance(WALLET, "A", 95)],
    )
    assert fill_of(landed).amount_out == 5_000_000


def test_wrapped_sol_of_before_is_not_bought_when_its_account_is_closed() -> None:
    landed = transaction(
        preBalances=[1_000_000, 0, 902_039_280, 1],
        postBalances=[1_000_000 - 10_700 + 902_039_280 + 5_000_000, 0, 0, 1],
        preTokenBalances=[balance(WALLET, "A", 100), balance(WALLET, NATIVE, 900_000_000, 2)],
        postTokenBalances=[balance(WALLET, "A", 95)],
    )
    assert fill_of(landed).amount_out == 5_000_000
