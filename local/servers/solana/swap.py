"""The maker's transaction: two transfers, which both sides sign, and a guard for the taker.

0  ComputeBudget    SetComputeUnitLimit
1  ComputeBudget    SetComputeUnitPrice     the priority fee
2  AssociatedToken  CreateIdempotent        the taker's account of the output, at the taker's cost
3  Token            TransferChecked         taker → maker, the input; the taker signs
4  Token            TransferChecked         maker → taker, the output; the maker signs
5  Token            TransferChecked         the guard: the minimum, from the taker's account of the output to
                                            itself, which fails with Custom 1 if the account holds less
6  Memo             where the order has one

The taker pays the fee (signature 0), the maker is the other signer (signature 1). It is a v0 message without
address tables.
"""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.domain.tokens import Token
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from .fees import MEMOS
from .tokens import ATA_PROGRAM, TOKEN_PROGRAM, ata

UNIT_LIMIT = 50_000
"""Compute units; a swap that creates the account takes some 16 000. It divides 10⁶, so the price is whole."""
PRIORITY_FEE = 10_000
"""Lamports in all, where the order does not say."""

_CREATE_IDEMPOTENT = b"\x01"
_TRANSFER_CHECKED = b"\x0c"
_SYSTEM_PROGRAM = Pubkey.default()


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of a swap: amounts in base units, the priority fee in lamports."""

    token_in: Token
    token_out: Token
    amount_in: int
    amount_out: int
    minimum_out: int
    memo: str | None = None
    priority_fee: int = PRIORITY_FEE


def build(terms: Terms, taker: Pubkey, maker: Keypair, blockhash: str) -> bytes:
    """The transaction for the taker to sign: the maker has, and the taker's signature is 64 zeros."""
    instructions = _instructions(terms, taker, maker.pubkey())
    message = MessageV0.try_compile(taker, instructions, [], Hash.from_string(blockhash))
    signature = maker.sign_message(to_bytes_versioned(message))
    return bytes(VersionedTransaction.populate(message, [Signature.default(), signature]))


def _instructions(terms: Terms, taker: Pubkey, maker: Pubkey) -> list[Instruction]:
    mint_in, mint_out = (Pubkey.from_string(token.mint) for token in (terms.token_in, terms.token_out))
    receiving = ata(taker, mint_out)
    instructions = [
        set_compute_unit_limit(UNIT_LIMIT),
        set_compute_unit_price(terms.priority_fee * 10**6 // UNIT_LIMIT),
        _create(taker, mint_out),
        _transfer_checked(terms.token_in, terms.amount_in, ata(taker, mint_in), ata(maker, mint_in), taker),
        _transfer_checked(terms.token_out, terms.amount_out, ata(maker, mint_out), receiving, maker),
        _transfer_checked(terms.token_out, terms.minimum_out, receiving, receiving, taker),
    ]
    if terms.memo is not None:
        instructions.append(Instruction(Pubkey.from_string(MEMOS[0]), terms.memo.encode(), []))
    return instructions


def _create(owner: Pubkey, mint: Pubkey) -> Instruction:
    accounts = [
        AccountMeta(owner, is_signer=True, is_writable=True),
        _writable(ata(owner, mint)),
        _readable(owner),
        _readable(mint),
        _readable(_SYSTEM_PROGRAM),
        _readable(TOKEN_PROGRAM),
    ]
    return Instruction(ATA_PROGRAM, _CREATE_IDEMPOTENT, accounts)


def _transfer_checked(
    token: Token, amount: int, source: Pubkey, destination: Pubkey, owner: Pubkey
) -> Instruction:
    accounts = [
        _writable(source),
        _readable(Pubkey.from_string(token.mint)),
        _writable(destination),
        _signing(owner),
    ]
    data = _TRANSFER_CHECKED + amount.to_bytes(8, "little") + bytes([token.decimals])
    return Instruction(TOKEN_PROGRAM, data, accounts)


def _writable(address: Pubkey) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=True)


def _readable(address: Pubkey) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=False)


def _signing(address: Pubkey) -> AccountMeta:
    return AccountMeta(address, is_signer=True, is_writable=False)
