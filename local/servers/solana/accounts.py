"""The accounts in the VM, with their earlier states in the slots that are not finalized yet.

LiteSVM holds the newest state alone. The state of an account before its first change in a slot is kept until
that slot is finalized, so that a read at any commitment returns the state of that commitment's slot. Earlier
states are kept in memory only: after a restart every read returns the newest state.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from solders.account import Account
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey

FINALIZED_AFTER = 32
"""Slots after which a landed transaction is finalized."""

NO_ACCOUNT = Account(0, b"", Pubkey.default(), False, 0)


class Accounts:
    """The accounts in `vm`."""

    def __init__(self, vm: LiteSVM) -> None:
        self._vm = vm
        self._before: dict[Pubkey, deque[tuple[int, Account | None]]] = {}

    def get(self, address: Pubkey, slot: int | None = None) -> Account | None:
        """The account at the end of `slot`, or as it is now; None if there is none."""
        if slot is not None:
            for changed, before in self._before.get(address, ()):
                if changed > slot:
                    return before
        return self._vm.get_account(address)

    def of_program(self, program: Pubkey, slot: int) -> Iterator[tuple[Pubkey, Account]]:
        """The accounts that `program` owned at the end of `slot`, in the order of their addresses."""
        now = (address for address, _ in self._vm.get_program_accounts(program))
        for address in sorted({*now, *self._before}, key=bytes):
            account = self.get(address, slot)
            if account is not None and account.owner == program:
                yield address, account

    def changed(self, address: Pubkey, slot: int, before: Account | None) -> None:
        """Record that a transaction in `slot` has changed the account, which was `before`."""
        kept = self._before.setdefault(address, deque())
        if not kept or kept[-1][0] != slot:
            kept.append((slot, before))
        while kept[0][0] <= slot - FINALIZED_AFTER:
            kept.popleft()

    @contextmanager
    def as_of(self, addresses: Iterable[Pubkey], slot: int) -> Iterator[None]:
        """Set these accounts in the VM to the end of `slot`, until the block ends."""
        moved = [address for address in addresses if self._is_newer(address, slot)]
        now = [self._vm.get_account(address) for address in moved]
        for address in moved:
            self._vm.set_account(address, self.get(address, slot) or NO_ACCOUNT)
        try:
            yield
        finally:
            for address, account in zip(moved, now, strict=True):
                self._vm.set_account(address, account or NO_ACCOUNT)

    def _is_newer(self, address: Pubkey, slot: int) -> bool:
        kept = self._before.get(address)
        return kept is not None and kept[-1][0] > slot
