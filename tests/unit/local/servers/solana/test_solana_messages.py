"""What is read from a transaction's message, and the wording of errors."""

from __future__ import annotations

import pytest
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.instruction import Instruction
from solders.pubkey import Pubkey

from local.servers.solana import fees
from local.servers.solana.errors import sentence
from tests.unit.local.servers.solana.chain import FAUCET, Chain

MEMO = Pubkey.from_string(fees.MEMOS[0])


def memo(text: str) -> Instruction:
    return Instruction(MEMO, text.encode(), [])


@pytest.mark.parametrize(
    ("instructions", "fee"),
    [
        ([memo("a")], 5_000),
        ([set_compute_unit_limit(100_000), set_compute_unit_price(2_000_000), memo("a")], 205_000),
        (
            [set_compute_unit_price(1_000_000), memo("a")],
            5_000 + 203_000,
        ),  # 3 000 units of a builtin, 200 000
        ([set_compute_unit_price(1), memo("a")], 5_001),  # rounded up
        ([set_compute_unit_limit(9_000_000), set_compute_unit_price(1_000_000)], 5_000 + 1_400_000),
    ],
)
def test_the_fee_is_the_one_that_the_vm_takes(instructions: list[Instruction], fee: int) -> None:
    chain = Chain()
    transaction, before = chain.signed(instructions, payer=FAUCET), chain.lamports(FAUCET)
    assert fees.fee(transaction.message) == fee
    chain.ledger.accept(transaction)
    chain.land()
    assert chain.lamports(FAUCET) == before - fee


def test_memos_are_listed_with_their_lengths_in_bytes() -> None:
    chain = Chain()
    assert fees.memo(chain.signed([memo("é"), memo("b")]).message) == "[2] é; [1] b"
    assert fees.memo(chain.transfer().message) is None


@pytest.mark.parametrize(
    ("err", "text"),
    [
        ("AlreadyProcessed", "This transaction has already been processed"),
        ("BlockhashNotFound", "Blockhash not found"),
        ("InsufficientFundsForFee", "Insufficient funds for fee"),
        (
            {"InsufficientFundsForRent": {"account_index": 1}},
            "Transaction results in an account (1) with insufficient funds for rent",
        ),
        (
            {"InstructionError": [5, {"Custom": 1}]},
            "Error processing Instruction 5: custom program error: 0x1",
        ),
        (
            {"InstructionError": [0, "InvalidInstructionData"]},
            "Error processing Instruction 0: invalid instruction data",
        ),
        (
            {"InstructionError": [0, "InvalidAccountData"]},
            "Error processing Instruction 0: invalid account data for instruction",
        ),
    ],
)
def test_errors_are_worded_as_a_node_words_them(err: object, text: str) -> None:
    assert sentence(err) == text
