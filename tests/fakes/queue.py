"""The queue in memory."""

from __future__ import annotations

from tests.fakes.away import Away


class MemoryQueue(Away):
    """`ports.queue.Queue`: what was sent, and what is to come again when.

    Nobody takes anything from it; without `waiting`, it says that it is drained.
    """

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.retries: list[tuple[str, int]] = []
        self.waiting = True

    async def send(self, order_id: str) -> None:
        self._reach()
        self.sent.append(order_id)

    async def retry_in(self, receipt: str, delay_ms: int) -> None:
        self._reach()
        self.retries.append((receipt, delay_ms))

    async def is_drained(self) -> bool:
        self._reach()
        return not self.waiting
