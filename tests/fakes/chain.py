"""A chain in memory whose sends follow a script, and its signer."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import defaultdict, deque

from chalicelib.domain.errors import AttemptFailed, BlockhashExpired
from chalicelib.ports.trading import Landed, ProgramError, SignedTransaction, Swap, TransactionStatus


class MemorySigner:
    """`ports.trading.Signer` that never gives the same signature twice, so that a second signing shows."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def sign(self, swap: Swap, memo: str, blockhash: str, last_valid_block_height: int) -> SignedTransaction:
        raw = json.dumps({"memo": memo, "minimum_out": swap.minimum_out}).encode()
        return SignedTransaction(f"signature-{next(self._numbers)}", raw, last_valid_block_height)


class MemoryChain:
    """`ports.trading.Chain`. Each read of the height adds a block; a blockhash lives for `lives` blocks.

    `script` has the outcomes of the next sends: `"land"` (as do all after them), `"drop"`, `"lose reply"`
    (it lands, and the send fails), `"refuse"` (an error that leaves its outcome open), an
    AttemptFailed it fails with on chain, or `"hang"`: it lands when `settle()` is called, if it still can.
    While `takes_sends` is cleared, a send waits.
    """

    def __init__(self, *, lives: int = 30) -> None:
        self.height = 1
        self.lives = lives
        self.sent: list[SignedTransaction] = []
        self.statuses: dict[str, TransactionStatus] = {}
        self.swaps: defaultdict[str, list[str]] = defaultdict(list)  # memo → signatures that landed
        self.script: deque[str | AttemptFailed] = deque()
        self.hanging: dict[str, SignedTransaction] = {}
        self.unavailable = False
        self.takes_sends = asyncio.Event()
        self.takes_sends.set()

    async def latest_blockhash(self) -> tuple[str, int]:
        self._reach()
        return f"blockhash-{self.height}", self.height + self.lives

    async def block_height(self) -> int:
        self._reach()
        self.height += 1
        return self.height

    async def send(self, transaction: SignedTransaction) -> str:
        self._reach()
        await self.takes_sends.wait()
        if self.height > transaction.last_valid_block_height:
            raise BlockhashExpired
        self.sent.append(transaction)
        outcome = self.script.popleft() if self.script else "land"
        if isinstance(outcome, AttemptFailed):
            self.statuses.setdefault(transaction.signature, ProgramError(self.height, outcome))
        elif outcome in ("land", "lose reply"):
            self._land(transaction)
        elif outcome == "hang":
            self.hanging[transaction.signature] = transaction
        if outcome == "lose reply":
            raise TimeoutError
        if outcome == "refuse":
            raise AttemptFailed("The node refused it.")
        return transaction.signature

    async def status(self, signature: str) -> TransactionStatus:
        self._reach()
        return self.statuses.get(signature)

    def settle(self) -> None:
        """Land every hanging transaction whose blockhash has not expired."""
        for transaction in self.hanging.values():
            if self.height <= transaction.last_valid_block_height:
                self._land(transaction)
        self.hanging.clear()

    def _land(self, transaction: SignedTransaction) -> None:
        if transaction.signature not in self.statuses:
            message = json.loads(transaction.raw)
            self.statuses[transaction.signature] = Landed(self.height, message["minimum_out"])
            self.swaps[message["memo"]].append(transaction.signature)

    def _reach(self) -> None:
        if self.unavailable:
            raise OSError("no route to the chain")
