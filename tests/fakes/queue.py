"""The queue in memory."""

from __future__ import annotations

from chalicelib.domain.account import LOCAL, Account
from chalicelib.ports.queue import QueueDepth

from tests.fakes.unavailable import Unavailable


class MemoryQueue(Unavailable):
    """`ports.queue.Queue`: records the sends, with their accounts, and the retry delays; delivers nothing.

    It is drained when `waiting` is false.
    """

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.accounts: dict[str, Account] = {}  # of the orders that were sent
        self.retries: list[tuple[str, int]] = []
        self.waiting = True

    async def send(self, order_id: str, account: Account = LOCAL) -> None:
        self._reach()
        self.sent.append(order_id)
        self.accounts[order_id] = account

    async def retry_in(self, receipt: str, delay_ms: int) -> None:
        self._reach()
        self.retries.append((receipt, delay_ms))

    async def depth(self) -> QueueDepth:
        self._reach()
        return QueueDepth(int(self.waiting), 0, 0)

    async def is_drained(self) -> bool:
        self._reach()
        return not self.waiting
