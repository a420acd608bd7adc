"""The simulated trading wallet: one Ed25519 key, derived from the simulation's seed."""

from __future__ import annotations

from hashlib import sha256

import base58
from nacl.signing import SigningKey

from ..ports.trading import SignedTransaction, Signer, Swap
from .transaction import Leg, Message, signature_text


class Wallet(Signer):
    """Signs swaps, each with an offer of `priority_fee` lamports.

    Ed25519 is deterministic: the same swap, fee, memo and blockhash give the same transaction.
    """

    def __init__(self, seed: str, priority_fee: int = 0) -> None:
        self._priority_fee = priority_fee
        self._key = SigningKey(sha256(f"wallet|{seed}".encode()).digest())
        self.address = base58.b58encode(bytes(self._key.verify_key)).decode()

    def sign(self, swap: Swap, memo: str, blockhash: str, last_valid_block_height: int) -> SignedTransaction:
        """`swap` as a transaction that carries `memo` and expires with `blockhash`."""
        message = Message(
            payer=self.address,
            venue=swap.venue,
            mint_in=swap.token_in.mint,
            mint_out=swap.token_out.mint,
            amount_in=swap.amount_in,
            minimum_out=swap.minimum_out,
            memo=memo,
            blockhash=blockhash,
            last_valid_block_height=last_valid_block_height,
            legs=tuple(
                Leg(leg.venue, leg.token_in.mint, leg.token_out.mint, leg.amount_in) for leg in swap.legs
            ),
            priority_fee=self._priority_fee,
        ).to_bytes()
        signature = self._key.sign(message).signature
        return SignedTransaction(signature_text(signature), signature + message, last_valid_block_height)
