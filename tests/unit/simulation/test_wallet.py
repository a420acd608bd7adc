from __future__ import annotations

from dataclasses import replace

import base58
import pytest
from chalicelib.domain.errors import TransactionFailed
from chalicelib.ports.trading import Swap
from chalicelib.simulation.transaction import verify
from chalicelib.simulation.wallet import Wallet
from hypothesis import given
from hypothesis import strategies as st

from tests.samples import SOL, USDC

SWAP = Swap("meteora", SOL, USDC, 10**9, 149_000_000)
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
        Wallet("solana").sign(replace(SWAP, token_in=USDC, token_out=SOL), "order-1", "blockhash", 200),
    ],
    ids=["wallet", "memo", "blockhash", "expiry", "venue", "minimum", "amount", "direction"],
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
