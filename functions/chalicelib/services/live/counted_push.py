"""A Push that counts what becomes of each message."""

from __future__ import annotations

from ...ports.live import ConnectionGone, Push
from ...ports.metrics import PUSHES, Metrics


class CountedPush:
    """`ports.live.Push` through another one."""

    def __init__(self, push: Push, metrics: Metrics) -> None:
        self._push = push
        self._metrics = metrics

    async def send(self, connection_id: str, text: str) -> None:
        try:
            await self._push.send(connection_id, text)
        except ConnectionGone:
            self._metrics.record(PUSHES, 1, "gone")
            raise
        except Exception:
            self._metrics.record(PUSHES, 1, "failed")
            raise
        self._metrics.record(PUSHES, 1, "sent")

    async def close(self, connection_id: str, reason: str) -> None:
        await self._push.close(connection_id, reason)
