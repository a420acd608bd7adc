from __future__ import annotations

import json
from dataclasses import replace

import base58
import pytest
from chalicelib.domain.errors import TransactionFailed
from chalicelib.ports.trading import Swap
from chalicelib.simulation.transaction import verify
from chalicelib.simulation.wallet import Wallet
from hypothesis import given
from hypothesis import strategies as st

from tests.samples import COPE, SOL, USDC

SWAP = Swap("meteora", SOL, USDC, 10**9, 149_000_000)
LEGS = (Swap("raydium", SOL, USDC, 4, 0), Swap("orca", SOL, COPE, 6, 0), Swap("meteora", COPE, USDC, 9, 0))
SIGNED = Wallet("solana").sign(SWAP, "order-1", "blockhash", 200)


def test_the_same_swap_gives_the_same_transaction() -> None:
    assert Wallet("solana").sign(SWAP, "order-1", "blockhash", 200) == SIGNED


def test_a_signature_is_64_bytes_in_base58() -> None:
    assert len(base58.b58decode(SIGNED.signature)) == 64


def test_the_transaction_carries_its_expiry() -> None:
    assert SIGNED.last_valid_block_height == 200


def test_the_signed_message_has_every_term_of_the_swap() -> None:
    signature, message = verify(SIGNED.raw)
    assert signature == SIGNED.signature
    assert message.payer == Wallet("solana").address
    assert (message.venue, message.mint_in, message.mint_out) == ("meteora", SOL.mint, USDC.mint)
    assert (message.amount_in, message.minimum_out, message.memo) == (10**9, 149_000_000, "order-1")
    assert (message.blockhash, message.last_valid_block_height) == ("blockhash", 200)


def test_the_signed_message_has_every_leg_in_its_order() -> None:
    _, message = verify(Wallet("solana").sign(replace(SWAP, legs=LEGS), "order-1", "blockhash", 200).raw)
    assert [(leg.venue, leg.mint_in, leg.mint_out, leg.amount_in) for leg in message.legs] == [
        ("raydium", SOL.mint, USDC.mint, 4),
        ("orca", SOL.mint, COPE.mint, 6),
        ("meteora", COPE.mint, USDC.mint, 9),
    ]
    assert message.venue == "meteora"


def test_a_message_of_one_leg_has_the_keys_that_every_released_version_knows() -> None:
    assert set(json.loads(SIGNED.raw[64:])) == {
        "amount_in",
        "blockhash",
        "last_valid_block_height",
        "memo",
        "mint_in",
        "mint_out",
        "minimum_out",
        "payer",
        "venue",
    }
    assert verify(SIGNED.raw)[1].legs == ()


@pytest.mark.parametrize("legs", [7, [["raydium"]], {"raydium": 1}, None])
def test_a_message_with_malformed_legs_does_not_verify(legs: object) -> None:
    named = json.loads(SIGNED.raw[64:]) | {"legs": legs}
    with pytest.raises(TransactionFailed):
        verify(SIGNED.raw[:64] + json.dumps(named).encode())


@pytest.mark.parametrize(
    "other",
    [
        Wallet("other").sign(SWAP, "order-1", "blockhash", 200),
        Wallet("solana").sign(SWAP, "order-2", "blockhash", 200),
        Wallet("solana").sign(SWAP, "order-1", "later", 200),
        Wallet("solana").sign(SWAP, "order-1", "blockhash", 201),
        Wallet("solana").sign(replace(SWAP, venue="raydium"), "order-1", "blockhash", 200),
        Wallet("solana").sign(replace(SWAP, minimum_out=1), "order-1", "blockhash", 200),
        Wallet("solana").sign(replace(SWAP, amount_in=1), "order-1", "blockhash", 200),
        Wallet("solana").sign(replace(SWAP, legs=LEGS), "order-1", "blockhash", 200),
        Wallet("solana").sign(replace(SWAP, token_in=USDC, token_out=SOL), "order-1", "blockhash", 200),
    ],
    ids=["wallet", "memo", "blockhash", "expiry", "venue", "minimum", "amount", "legs", "direction"],
)
def test_any_difference_changes_the_signature(other: object) -> None:
    assert other != SIGNED
    assert other.signature != SIGNED.signature  # type: ignore[attr-defined]


@given(st.integers(0, len(SIGNED.raw) - 1), st.integers(1, 255))
def test_a_transaction_with_one_changed_byte_does_not_verify(at: int, flip: int) -> None:
    changed = bytearray(SIGNED.raw)
    changed[at] ^= flip
    with pytest.raises(TransactionFailed):
        verify(bytes(changed))


@pytest.mark.parametrize("raw", [b"", b"x" * 64, b"x" * 64 + b"{}", b"x" * 64 + b"[1]", SIGNED.raw[:-1]])
def test_bytes_that_are_not_a_transaction_do_not_verify(raw: bytes) -> None:
    with pytest.raises(TransactionFailed):
        verify(raw)
