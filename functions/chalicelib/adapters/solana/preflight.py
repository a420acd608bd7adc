"""Preflight: a transaction is simulated on the chain before it is signed, and what it does is checked.

`simulateTransaction` runs it on the newest block, without our signature, and shows accounts as they would be.
That says what no reading of instructions can where a program of others runs: every account of the wallet in
the transaction is compared, before and after. It does not rule out a program that does something else once it
lands, so only the DEXes' own are to be allowed.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from solders.pubkey import Pubkey

from ...domain.errors import ChainUnavailable, SigningRefused, SlippageExceeded
from ...ports.trading import Swap
from .chain import error_of
from .inspection import NATIVE, TOKEN_PROGRAMS, inspect, parse, token_account
from .instructions import SYSTEM, TOKEN
from .rpc import Rpc, RpcRefusal, reading
from .wallet import Wallet

MOST_RENT = 2 * 2_039_280
"""Lamports that may stay in accounts which a swap creates on its way: the rent of two token accounts."""
# A token account's data: mint, owner, amount, delegate, state, is_native, delegated amount, close authority.
OWNER, AMOUNT, DELEGATE, REST = slice(32, 64), slice(64, 72), slice(72, 109), slice(121, 165)
NO_RIGHTS = bytes(36) + b"\x01", bytes(44)
"""The delegate, state and rest of an account that is initialized, and that no one else has a right to."""
TABLE_HEAD = 56  # bytes of a lookup table before its addresses
SIMULATIONS = 5  # at most, where the wallet's accounts change meanwhile
COMMITMENT = {"encoding": "base64", "commitment": "processed"}


@dataclass(frozen=True, slots=True)
class Account:
    """An account as a node shows it; of one that is not there, the data is empty."""

    lamports: int = 0
    program: str = SYSTEM
    data: bytes = b""

    @property
    def amount(self) -> int:
        """Base units of a token account."""
        return int.from_bytes(self.data[AMOUNT], "little")

    @property
    def authorities(self) -> tuple[str, bytes, bytes, bytes]:
        """Who may move what a token account holds, or close it."""
        return self.program, self.data[OWNER], self.data[DELEGATE], self.data[REST]


class Preflight:
    """`always` runs it for every order, and not only for those whose programs can't be read.

    With `is_dry`, that is all: the order then fails with the code DRY_RUN and what it would have given.
    """

    def __init__(self, rpc: Rpc, wallet: Wallet, *, always: bool, is_dry: bool) -> None:
        self._rpc = rpc
        self._wallet = wallet
        self._key = bytes(Pubkey.from_string(wallet.address))
        self._always = always or is_dry
        self._is_dry = is_dry

    async def run(self, swap: Swap, memo: str) -> None:
        """Check what the swap's transaction would do. Raises SigningRefused, or why it would fail."""
        assert swap.prepared is not None
        allowed = self._wallet.allowed(swap, memo, swap.prepared.blockhash)
        effects = inspect(swap.prepared.raw, allowed)
        if not self._always and not effects.is_opaque:
            return
        try:
            before, after = await self._simulated(swap)
        except (OSError, TimeoutError, RpcRefusal) as error:
            raise ChainUnavailable("The transaction could not be simulated.") from error
        gained = self._check(swap, before, after, effects.fee)
        if self._is_dry:
            gives = f"{swap.token_out.text(gained)} {swap.token_out.symbol}"
            raise SigningRefused(f"A dry run: it would have given {gives}.", code="DRY_RUN")

    async def _simulated(self, swap: Swap) -> tuple[dict[str, Account], dict[str, Account]]:
        """The wallet's accounts before and after.

        What another order's transaction changes between the two would be taken for this one's doing. So they
        are read again after the simulation, and must be as they were.
        """
        assert swap.prepared is not None
        before = await self._ours(swap)
        for _ in range(SIMULATIONS):
            after = await self._simulate(swap.prepared.raw, list(before))
            now = await self._ours(swap)
            if now == before:
                return before, after
            before = now
        raise ChainUnavailable("Other transactions changed the wallet's accounts during each simulation.")

    async def _ours(self, swap: Swap) -> dict[str, Account]:
        """The wallet, its accounts of both tokens, and its others that the transaction names."""
        assert swap.prepared is not None
        wallet = self._wallet.address
        ours = [wallet, *(token_account(wallet, token.mint) for token in (swap.token_in, swap.token_out))]
        named = [*ours, *await self._named(swap.prepared.raw)]
        found = await self._accounts(list(dict.fromkeys(named)))
        return {
            address: account
            for address, account in found.items()
            if address in ours or (account.program in TOKEN_PROGRAMS and account.data[OWNER] == self._key)
        }

    async def _named(self, raw: bytes) -> list[str]:
        """Every account that the transaction names, by lookup tables as well."""
        message = parse(raw).message
        tables = getattr(message, "address_table_lookups", [])
        found = await self._accounts([str(table.account_key) for table in tables]) if tables else {}
        named = [str(key) for key in message.account_keys]
        for table in tables:
            data = found[str(table.account_key)].data[TABLE_HEAD:]
            for index in (*bytes(table.writable_indexes), *bytes(table.readonly_indexes)):
                named.append(str(Pubkey(data[32 * index : 32 * index + 32].ljust(32, b"\0"))))
        return named

    async def _accounts(self, addresses: Sequence[str]) -> dict[str, Account]:
        found = await self._rpc.call("getMultipleAccounts", list(addresses), COMMITMENT)
        with reading("getMultipleAccounts"):
            return dict(zip(addresses, map(_account, found["value"]), strict=True))

    async def _simulate(self, raw: bytes, addresses: Sequence[str]) -> dict[str, Account]:
        shown = {"encoding": "base64", "addresses": list(addresses)}
        options = {**COMMITMENT, "sigVerify": False, "accounts": shown}
        found = await self._rpc.call("simulateTransaction", base64.b64encode(raw).decode(), options)
        with reading("simulateTransaction"):
            if found["value"]["err"] is not None:
                raise error_of(found["value"]["err"])
            return dict(zip(addresses, map(_account, found["value"]["accounts"]), strict=True))

    def _check(self, swap: Swap, before: dict[str, Account], after: dict[str, Account], fee: int) -> int:
        """How much it gives, base units, where it takes no more than it may. Raises SigningRefused."""
        changes = {address: after[address].amount - before[address].amount for address in before}
        spent = -changes.pop(token_account(self._wallet.address, swap.token_in.mint))
        gained = changes.pop(token_account(self._wallet.address, swap.token_out.mint))
        # Of the wallet and its accounts together: SOL that is wrapped, unwrapped or kept as rent stays ours.
        lamports = sum(before[each].lamports - after[each].lamports for each in before) - fee
        if swap.token_in.mint == NATIVE:
            spent, lamports = lamports, 0
        if swap.token_out.mint == NATIVE:
            gained, lamports = -lamports, 0
        if spent > swap.amount_in or min(changes.values()) < 0:
            raise SigningRefused(
                "It would take other tokens than the order sells, or more.", code="WRONG_AMOUNT_IN"
            )
        if lamports > MOST_RENT:
            raise SigningRefused(f"It would take {lamports} lamports beside its fee.", code="FEE_TOO_HIGH")
        self._check_authorities(before, after)
        if gained < swap.minimum_out:
            raise SlippageExceeded("A simulation gave less than the order's minimum.")
        return gained

    def _check_authorities(self, before: dict[str, Account], after: dict[str, Account]) -> None:
        """That accounts which are there afterwards are the wallet's as they were, or as new ones are."""
        for address, account in after.items():
            if address == self._wallet.address:
                # With data it could be a nonce account, whose authority withdraws its lamports.
                is_right = account.program == SYSTEM and not account.data
            elif before[address].data and account.data:
                is_right = account.authorities == before[address].authorities
            else:
                is_right = not account.data or account.authorities == (TOKEN, self._key, *NO_RIGHTS)
            if not is_right:
                raise SigningRefused(
                    f"It would give others a right to the account {address}.", code="INSTRUCTION_NOT_ALLOWED"
                )


def _account(shown: Any) -> Account:
    if shown is None:
        return Account()
    return Account(int(shown["lamports"]), str(shown["owner"]), base64.b64decode(shown["data"][0]))
