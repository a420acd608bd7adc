"""A transaction that a venue has tampered with is refused with its code, and never signed."""

from __future__ import annotations

from random import Random

import pytest
from chalicelib.adapters.solana.inspection import inspect
from chalicelib.adapters.solana.keys import WalletKey
from chalicelib.adapters.solana.wallet import Wallet
from chalicelib.domain.errors import SigningRefused
from chalicelib.ports.trading import Prepared, Swap
from hypothesis import given, settings
from hypothesis import strategies as st
from solders.account import Account
from solders.keypair import Keypair
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey
from solders.token.state import Mint, TokenAccount, TokenAccountState
from solders.transaction import VersionedTransaction

from .tampering import MUTATIONS, TOKEN_PROGRAM, Mutation, Offer, offer, signed_by_venue, token

DRAWS = 60  # of each mutation: 29 of them are 1,740 transactions
MAX_FEE = 1_000_000
RENT = 2_039_280
HELD = 10**16  # base units of each token, on both sides
LAMPORTS = 10**12


class CountingKey(WalletKey):
    """Counts what it signs."""

    def __init__(self, keypair: Keypair) -> None:
        super().__init__(keypair)
        self.signed = 0

    def sign(self, message: bytes) -> bytes:
        self.signed += 1
        return super().sign(message)


def sign(given: Offer, raw: bytes, key: WalletKey) -> bytes:
    """The transaction as the wallet signs it. Raises SigningRefused."""
    prepared = Prepared(raw, str(given.blockhash), 1)
    swap = Swap(
        "venue", given.token_in, given.token_out, given.amount_in, given.minimum_out, prepared=prepared
    )
    return Wallet(key, programs=frozenset(), max_fee=MAX_FEE).sign(swap, given.memo, "", 0).raw


def test_an_honest_transaction_is_signed_and_executes() -> None:
    random = Random(1)
    for _ in range(20):
        given_offer = offer(random)
        signed = sign(given_offer, given_offer.transaction(), CountingKey(given_offer.wallet))
        vm = funded(given_offer)
        vm.send_transaction(VersionedTransaction.from_bytes(signed))
        assert held(vm, given_offer, "SOL") == HELD - given_offer.amount_in
        assert held(vm, given_offer, "USDC") == HELD + given_offer.amount_out


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_a_transaction_that_was_tampered_with_is_refused_with_its_code(mutation: Mutation) -> None:
    random = Random(mutation.__name__)
    for _ in range(DRAWS):
        given_offer = offer(random)
        key = CountingKey(given_offer.wallet)
        with pytest.raises(SigningRefused) as refused:
            sign(given_offer, mutation(given_offer, random), key)
        assert refused.value.code in MUTATIONS[mutation]
        assert key.signed == 0


@settings(max_examples=600, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    changes=st.lists(st.tuples(st.integers(0, 600), st.integers(1, 255)), min_size=1, max_size=3),
)
def test_whatever_bytes_a_venue_changes_the_wallet_never_loses_more_than_the_order_says(
    seed: int, changes: list[tuple[int, int]]
) -> None:
    given_offer = offer(Random(seed))
    honest = given_offer.transaction()
    message = bytearray(honest[129:])
    for position, flip in changes:
        message[position % len(message)] ^= flip
    raw = resigned(bytes(message), given_offer)
    try:
        signed = sign(given_offer, raw, CountingKey(given_offer.wallet))
    except SigningRefused:
        return
    vm = funded(given_offer)
    vm.send_transaction(VersionedTransaction.from_bytes(signed))
    lost = HELD - held(vm, given_offer, "SOL")
    gained = held(vm, given_offer, "USDC") - HELD
    assert (lost, gained) == (0, 0) or (lost <= given_offer.amount_in and gained >= given_offer.minimum_out)
    assert LAMPORTS - lamports(vm, given_offer.wallet.pubkey()) <= MAX_FEE + 2 * RENT
    assert held(vm, given_offer, "BONK") == HELD


def resigned(message: bytes, given_offer: Offer) -> bytes:
    """The message signed by the venue again, where it still is one; without its signature otherwise."""
    unsigned = b"\x02" + bytes(128) + message
    try:
        return signed_by_venue(VersionedTransaction.from_bytes(unsigned).message, given_offer.venue)
    except Exception:  # solders raises several kinds, and panics are BaseException
        return unsigned


def funded(given_offer: Offer) -> LiteSVM:
    """A chain where both sides hold enough of every token."""
    vm = LiteSVM().with_blockhash_check(False).with_sigverify(True)
    for each in ("SOL", "USDC", "BONK"):
        mint = Pubkey.from_string(token(each).mint)
        state = Mint(None, 10 * HELD, token(each).decimals, is_initialized=True)
        vm.set_account(mint, Account(10**9, bytes(state), TOKEN_PROGRAM, False, 0))
        for owner in (given_offer.wallet, given_offer.venue):
            held_by = TokenAccount(mint, owner.pubkey(), HELD, None, TokenAccountState.Initialized, None, 0)
            vm.set_account(
                given_offer.account(owner, token(each)),
                Account(RENT, bytes(held_by), TOKEN_PROGRAM, False, 0),
            )
    for owner in (given_offer.wallet, given_offer.venue):
        vm.set_account(owner.pubkey(), Account(LAMPORTS, b"", Pubkey.default(), False, 0))
    return vm


def held(vm: LiteSVM, given_offer: Offer, symbol: str) -> int:
    account = vm.get_account(given_offer.account(given_offer.wallet, token(symbol)))
    return 0 if account is None else int(TokenAccount.from_bytes(account.data).amount)


def lamports(vm: LiteSVM, owner: Pubkey) -> int:
    account = vm.get_account(owner)
    return 0 if account is None else int(account.lamports)


def test_inspection_tells_what_an_honest_transaction_does() -> None:
    given_offer = offer(Random(2))
    effects = inspect(given_offer.transaction(), given_offer.allowed)
    assert (effects.sold, effects.received) == (given_offer.amount_in, given_offer.amount_out)
    assert not effects.is_opaque
