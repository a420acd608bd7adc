"""Clients' ends of their connections, in memory."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from typing import Any

from chalicelib.ports.live import ConnectionGone


class MemoryPush:
    """`ports.live.Push`: what every client received; connections in `gone` are closed."""

    def __init__(self) -> None:
        self.frames: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self.gone: set[str] = set()
        self.faults: deque[Exception] = deque()
        self.closed: list[str] = []

    async def send(self, connection_id: str, text: str) -> None:
        await asyncio.sleep(0)  # other tasks run meanwhile, as with a real connection
        if connection_id in self.gone:
            raise ConnectionGone(connection_id)
        if self.faults:
            raise self.faults.popleft()
        self.frames[connection_id].append(json.loads(text))

    async def close(self, connection_id: str, reason: str) -> None:
        self.closed.append(connection_id)

    def seqs(self, connection_id: str, order_id: str | None = None) -> list[int]:
        """The seqs of the events that the client received, in the order they came."""
        events = [frame for frame in self.frames[connection_id] if "seq" in frame]
        return [event["seq"] for event in events if order_id in (None, event["orderId"])]
