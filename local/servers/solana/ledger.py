"""A Solana ledger in one process: LiteSVM, with slots, blockhashes, statuses and durability.

accept ──▶ pending, in memory and journal ──▶ land, when due ──▶ VM ──▶ accounts, status, meta in the journal

The clock makes the slots. Each has a blockhash, which is valid for 150 slots, and a signature lands once. A
transaction is executed when it lands, on the state of that moment. One with an expired blockhash, a wrong
signature or a payer that cannot pay the fee is dropped then, without a trace, as on Solana.

No slot is skipped and there are no forks: a slot's number is its block's height, and a transaction's
commitment depends on its age alone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import Any

from chalicelib.simulation.slots import Slots
from solders.account import Account
from solders.clock import Clock
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from . import fees
from .accounts import FINALIZED_AFTER, Accounts
from .journal import Journal, Landed
from .meta import error_of, lamports, meta_of

BLOCKHASH_SLOTS = 150
"""Slots after its own in which a blockhash is valid."""
STATUS_SLOTS = 300
"""Slots for which a status is in memory; older ones are in the journal."""
BATCH = 64
"""The most transactions that land in one commit."""
EPOCH_SLOTS = 432_000
AGES = {"processed": 0, "confirmed": 1, "finalized": FINALIZED_AFTER}
"""By commitment: the least age, in slots, of a transaction that has reached it."""


@dataclass(frozen=True, slots=True)
class Status:
    """The status of a landed transaction.

    `price` is in micro-lamports a compute unit, `writes` are the addresses that it locked for writing.
    """

    slot: int
    err: object
    price: int
    writes: frozenset[str]

    @classmethod
    def of(cls, landed: Landed) -> Status:
        """The status of a transaction from the journal."""
        message = VersionedTransaction.from_bytes(landed.raw).message
        keys = message.account_keys
        writes = frozenset(str(key) for index, key in enumerate(keys) if is_writable(message, index))
        return cls(landed.slot, landed.err, fees.unit_price(message), writes)


@dataclass(frozen=True, slots=True)
class Pending:
    """An accepted transaction; it lands at `due_ms`, unix milliseconds."""

    due_ms: int
    transaction: VersionedTransaction
    raw: bytes


def is_writable(message: Any, index: int) -> bool:
    """Whether the message declares the account at `index` of its keys as writable."""
    header, count = message.header, len(message.account_keys)
    signers = header.num_required_signatures
    if index < signers:
        return bool(index < signers - header.num_readonly_signed_accounts)
    return bool(index < count - header.num_readonly_unsigned_accounts)


class Ledger:
    """The chain in `journal`. `clock` returns unix milliseconds. Not thread-safe."""

    def __init__(self, journal: Journal, slots: Slots, landing_ms: int, clock: Callable[[], int]) -> None:
        # LiteSVM has a single blockhash, and no slots; both checks are made here instead.
        self._vm = LiteSVM().with_blockhash_check(False).with_transaction_history(0)
        self.accounts = Accounts(self._vm)
        self.journal = journal
        self.slots = slots
        self._landing_ms = landing_ms
        self._clock = clock
        self._blockhashes: dict[str, int] = {}
        # By signature: by slot the one, in the order of acceptance the other.
        self._statuses: OrderedDict[bytes, Status] = OrderedDict()
        self._pending: OrderedDict[bytes, Pending] = OrderedDict()
        self._restore()

    @property
    def now_ms(self) -> int:
        """Now, in unix milliseconds."""
        return self._clock()

    @property
    def slot(self) -> int:
        """The present slot, and the height of its block."""
        return self.slots.height(self._clock())

    @property
    def due_ms(self) -> int | None:
        """When the next transaction lands, in unix milliseconds; None while none is pending."""
        return next((pending.due_ms for pending in self._pending.values()), None)

    def latest_blockhash(self, slot: int) -> tuple[str, int]:
        """`(blockhash, last_valid_block_height)` of a slot."""
        return self.slots.latest_blockhash(slot * self.slots.length_ms)

    def is_valid(self, blockhash: str, slot: int) -> bool:
        """Whether a transaction with this blockhash may land in `slot`."""
        newest = self.slot
        first = newest - BLOCKHASH_SLOTS - FINALIZED_AFTER
        known = max(self._blockhashes.values(), default=first - 1)
        if known < newest:
            kept = {text: height for text, height in self._blockhashes.items() if height >= first}
            missing = range(max(known + 1, first), newest + 1)
            self._blockhashes = kept | {self.latest_blockhash(height)[0]: height for height in missing}
        height = self._blockhashes.get(blockhash)
        return height is not None and height <= slot <= height + BLOCKHASH_SLOTS

    def accept(self, transaction: VersionedTransaction) -> None:
        """Make a transaction pending; does nothing if it is pending already or has landed."""
        signature = bytes(transaction.signatures[0])
        if signature in self._pending or signature in self._statuses:
            return
        pending = Pending(self._clock() + self._landing_ms, transaction, bytes(transaction))
        self.journal.accept(signature, pending.due_ms, pending.raw)
        self.journal.commit()
        self._pending[signature] = pending

    def land(self) -> None:
        """Execute the transactions that are due, at most BATCH, in the order they were accepted.

        Whatever it raises, the journal is as before, and the ledger cannot be used any more.
        """
        now = self._clock()
        is_due = takewhile(lambda item: item[1].due_ms <= now, self._pending.items())
        due = list(islice(is_due, BATCH))
        if not due:
            return
        slot = self._tick()
        try:
            for signature, pending in due:
                self._execute(signature, pending, slot)
                self.journal.drop(signature)
            self.journal.commit()
        except BaseException:
            self.journal.rollback()
            raise
        for signature, _ in due:
            del self._pending[signature]
        self._forget(slot - STATUS_SLOTS)

    def simulate(self, transaction: VersionedTransaction, slot: int) -> Any:
        """The VM's result of the transaction on the state of `slot`, without a look at its signatures."""
        self._tick()
        with self.accounts.as_of(transaction.message.account_keys, slot):
            self._vm.with_sigverify(False)
            try:
                return self._vm.simulate_transaction(transaction)
            finally:
                self._vm.with_sigverify(True)

    def refusal(self, transaction: VersionedTransaction, slot: int) -> str | None:
        """The error of a transaction that must not be executed in `slot`; None for the others."""
        if not self.is_valid(str(transaction.message.recent_blockhash), slot):
            return "BlockhashNotFound"
        status = self._statuses.get(bytes(transaction.signatures[0]))
        return "AlreadyProcessed" if status is not None and status.slot <= slot else None

    def status(self, signature: bytes) -> Status | None:
        """The status of a transaction that landed in the last 300 slots."""
        return self._statuses.get(signature)

    def recent(self) -> Iterable[Status]:
        """The statuses of the last 300 slots."""
        return self._statuses.values()

    def minimum_balance(self, size: int) -> int:
        """Lamports that keep an account of `size` bytes from paying rent."""
        return int(self._vm.minimum_balance_for_rent_exemption(size))

    def put(self, address: Pubkey, account: Account) -> None:
        """Set an account without a transaction; the caller commits the journal."""
        self._vm.set_account(address, account)
        self.journal.write(address, account)

    def _execute(self, signature: bytes, pending: Pending, slot: int) -> None:
        message = pending.transaction.message
        if self.refusal(pending.transaction, slot):
            return
        keys = message.account_keys
        before = [self.accounts.get(key) for key in keys]
        result = self._vm.send_transaction(pending.transaction)
        after = [self.accounts.get(key) for key in keys]
        if error_of(result) is not None and lamports(before[0]) == lamports(after[0]):
            return  # the fee was not taken, so no leader would have put it into a block
        meta = meta_of(result, keys, before, after, self.accounts)
        landed = Landed(signature, slot, self._clock() // 1000, fees.memo(message), meta, pending.raw)
        for key, old, new in zip(keys, before, after, strict=True):
            if old != new:
                self.accounts.changed(key, slot, old)
                self.journal.write(key, new)
        self.journal.land(landed, keys)
        self._statuses[signature] = Status.of(landed)

    def _tick(self) -> int:
        """Set the VM's clock, which programs see, to the present; returns the slot."""
        now = self._clock()
        slot = self.slots.height(now)
        epoch = slot // EPOCH_SLOTS
        self._vm.set_clock(Clock(slot, 0, epoch, epoch + 1, now // 1000))
        return slot

    def _forget(self, slot: int) -> None:
        """Forget the statuses up to this slot."""
        while self._statuses and next(iter(self._statuses.values())).slot <= slot:
            self._statuses.popitem(last=False)

    def _restore(self) -> None:
        for address, account in self.journal.accounts():
            self._vm.set_account(address, account)
        for landed in self.journal.since(self.slot - STATUS_SLOTS):
            self._statuses[landed.signature] = Status.of(landed)
        for signature, due_ms, raw in self.journal.pending():
            self._pending[signature] = Pending(due_ms, VersionedTransaction.from_bytes(raw), raw)


def signature_of(text: str) -> bytes:
    """The bytes of a signature in base58. Raises ValueError."""
    return bytes(Signature.from_string(text))
