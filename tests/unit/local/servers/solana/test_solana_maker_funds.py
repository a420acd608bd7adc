"""The maker's answer to a taker without the lamports for fees and rent."""

from __future__ import annotations

import pytest
from solders.account import Account
from solders.pubkey import Pubkey

from local.servers.solana.faults import Faults
from local.servers.solana.maker import Maker
from tests.unit.local.servers.solana.chain import MAKER, SEED, WALLET, Chain, token

COST, RENT = 20_000, 2_039_280


@pytest.mark.parametrize(
    ("bought", "lamports", "is_enough"),
    [
        ("USDC", COST - 1, False),
        ("USDC", COST, True),
        ("FIDA", COST + RENT - 1, False),  # whose account is missing
        ("FIDA", COST + RENT, True),
    ],
)
def test_a_taker_needs_lamports_for_the_fee_and_for_a_missing_account(
    bought: str, lamports: int, is_enough: bool
) -> None:
    chain = Chain()
    chain.ledger.put(WALLET.pubkey(), Account(lamports, b"", Pubkey.default(), False, 2**64 - 1))
    terms = {"inputMint": token("SOL").mint, "outputMint": token(bought).mint, "amount": "1000000000"}
    answer = Maker(chain.ledger, Faults(), MAKER, SEED).order(terms | {"taker": str(WALLET.pubkey())})
    assert bool(answer["transaction"]) is is_enough
    assert answer.get("errorMessage") == (None if is_enough else "Insufficient SOL for fees and rent")
