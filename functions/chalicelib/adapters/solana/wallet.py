"""The trading wallet: inspects what a venue has prepared, then signs it."""

from __future__ import annotations

import base58
from solders.message import to_bytes_versioned

from ...domain.errors import SigningRefused
from ...ports.trading import SignedTransaction, Signer, Swap
from .inspection import MOST_BYTES, Allowed, inspect, parse
from .keys import WalletKey

SIGNATURE_BYTES = 64


class Wallet(Signer):
    """Signs transactions of venues that move what the order says, and pay `max_fee` lamports at most."""

    def __init__(self, key: WalletKey, *, programs: frozenset[str], max_fee: int) -> None:
        self._key = key
        self._programs = programs
        self._max_fee = max_fee

    @property
    def address(self) -> str:
        """The wallet's public key, in base58."""
        return self._key.address

    def allowed(self, swap: Swap, memo: str, blockhash: str) -> Allowed:
        """What a transaction of this swap may do."""
        return Allowed(
            wallet=self.address,
            mint_in=swap.token_in.mint,
            mint_out=swap.token_out.mint,
            amount_in=swap.amount_in,
            minimum_out=swap.minimum_out,
            memo=memo,
            blockhash=blockhash,
            programs=self._programs,
            max_fee=self._max_fee,
        )

    def sign(self, swap: Swap, memo: str, blockhash: str, last_valid_block_height: int) -> SignedTransaction:
        """The venue's transaction with our signature; what was read of the chain is not needed for it.

        Raises SigningRefused: then nothing was signed.
        """
        prepared = swap.prepared
        if prepared is None:
            raise SigningRefused(f"{swap.venue} prepared no transaction.", code="TRANSACTION_MALFORMED")
        inspect(prepared.raw, self.allowed(swap, memo, prepared.blockhash))
        signature = self._key.sign(to_bytes_versioned(parse(prepared.raw).message))
        # The number of signatures is the first byte, ours the first of them.
        raw = prepared.raw[:1] + signature + prepared.raw[1 + SIGNATURE_BYTES :]
        assert len(raw) == len(prepared.raw) <= MOST_BYTES
        return SignedTransaction(base58.b58encode(signature).decode(), raw, prepared.last_valid_block_height)
