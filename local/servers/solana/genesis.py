"""The accounts that the chain starts with: the tokens' mints at their real addresses, and their holders.

the wallet      1 000 SOL, and 10⁹ of each token except USDT, whose account the first swap creates
the maker       4 × 10¹⁸ base units of each token
the faucet      pays for airdrops

SOL is traded as wrapped SOL, in token accounts of the native mint.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

from chalicelib.domain.tokens import TOKENS
from solders.account import Account
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from ...private import write_private
from .ledger import Ledger
from .tokens import ata, mint_account, token_account

WALLET_LAMPORTS = 1_000 * 10**9
WALLET_TOKENS = 10**9
"""Whole tokens of each mint, the native mint included."""
MAKER_UNITS = 4 * 10**18
"""Base units of each mint. All that a wallet can add to them still fits into 64 bits."""
SERVICE_LAMPORTS = 10**18
"""Lamports of the maker and of the faucet."""
MISSING = "FIDA"


def derived_key(role: str, seed: str) -> Keypair:
    """The key of a role (the maker, the faucet) on the chain with this seed."""
    return Keypair.from_seed(sha256(f"{role}|{seed}".encode()).digest())


def wallet_key(path: Path) -> Keypair:
    """The trading wallet's key from a file as solana-keygen writes it; creates the file with mode 600."""
    if not path.exists():
        write_private(path, Keypair().to_json())
    return Keypair.from_bytes(bytes(json.loads(path.read_text())))


def create_missing_accounts(ledger: Ledger, wallet: Pubkey, maker: Pubkey, faucet: Pubkey) -> None:
    """Create each mint and each holder that the ledger lacks, with the holder's token accounts.

    The accounts that are there keep their balances, and a token account that was closed stays closed.
    """
    mints = {Pubkey.from_string(token.mint): token for token in TOKENS}
    wallet_units = {mint: WALLET_TOKENS * 10**token.decimals for mint, token in mints.items()}
    new_mints = {mint for mint in mints if ledger.accounts.get(mint) is None}
    for mint in new_mints:
        ledger.put(mint, mint_account(maker, MAKER_UNITS + wallet_units[mint], mints[mint].decimals))
    held = {
        wallet: {mint: units for mint, units in wallet_units.items() if mints[mint].symbol != MISSING},
        maker: dict.fromkeys(mints, MAKER_UNITS),
        faucet: {},
    }
    for owner, amounts in held.items():
        is_new = ledger.accounts.get(owner) is None
        if is_new:
            lamports = WALLET_LAMPORTS if owner == wallet else SERVICE_LAMPORTS
            ledger.put(owner, Account(lamports, b"", Pubkey.default(), False, 2**64 - 1))
        for mint, amount in amounts.items():
            if is_new or mint in new_mints:
                ledger.put(ata(owner, mint), token_account(owner, mint, amount))
    ledger.journal.commit()
