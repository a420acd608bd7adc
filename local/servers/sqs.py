"""SQS from the `ministack` wheel, with the engine's two queues in it.

It is memory with a snapshot: a clean stop writes the queues to the folder and the next start reads them, so
messages, receive counts and the dead-letter queue survive a restart. A kill loses what came since the last
snapshot; then the sweep queues again what Postgres knows was never processed.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from .ministack import Ministack
from .queues import QueueSettings, connect, create_queues


class Sqs(Ministack):
    """The emulator, ready once its queues are."""

    name = "SQS"

    def __init__(
        self,
        folder: Path,
        credentials: dict[str, str],
        queues: QueueSettings,
        *,
        temporary: bool = False,
        holds: Sequence[int] = (),
    ) -> None:
        super().__init__(folder, temporary=temporary, holds=holds)
        self.settings = {"SERVICES": "sqs", "PERSIST_STATE": "1", "STATE_DIR": str(folder / "snapshot")}
        self.queue_url = ""
        self.dead_letter_url = ""
        self._credentials = credentials
        self._queues = queues

    @property
    def version(self) -> str:
        return f"ministack {importlib.metadata.version('ministack')}"

    def start(self, timeout: float = 30) -> None:
        super().start(timeout)
        orders, dead = create_queues(connect(self.url, self._credentials), self._queues)
        # a queue read from a snapshot still has the port of an earlier run in its URL
        self.queue_url, self.dead_letter_url = (self.url + urlsplit(url).path for url in (orders, dead))
