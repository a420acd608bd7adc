"""SQS inside the engine's own process: the functions use the broker, other processes reach it over HTTP.

Its port is taken when the servers start, so that its URL is known; it is served once the engine has a loop.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

from ...errors import ServiceError
from ..queues import DEAD_LETTERS, ORDERS, QueueSettings, declare_queues
from .broker import ACCOUNT, Broker
from .journal import Journal, JournalError
from .server import listen, serving


class HostedSqs:
    """The face of a server for `Services`, and `hosting()` for the engine that serves it."""

    name = "SQS"
    version = ""  # ours, and so this repository's
    how = "in this process"

    def __init__(self, folder: Path, region: str, queues: QueueSettings) -> None:
        self.folder = folder
        self._region = region
        self._queues = queues
        self._listening: socket.socket | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Where clients reach it while it is hosted."""
        return f"http://127.0.0.1:{self._port}"

    address = url

    @property
    def queue_url(self) -> str:
        """The URL of the queue of orders."""
        return f"{self.url}/{ACCOUNT}/{ORDERS}"

    @property
    def dead_letter_url(self) -> str:
        """The URL of the dead-letter queue."""
        return f"{self.url}/{ACCOUNT}/{DEAD_LETTERS}"

    def start(self) -> None:
        """Take a port and make the folder. Raises ServiceError."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._listening = listen()
        except OSError as error:
            raise ServiceError(f"SQS cannot be served from {self.folder}: {error}.") from error
        self._port = self._listening.getsockname()[1]

    @contextlib.asynccontextmanager
    async def hosting(self) -> AsyncIterator[Broker]:
        """The broker, on the running loop and served at `url` until the block ends. Raises ServiceError."""
        assert self._listening is not None  # started
        try:
            broker = Broker(Journal(self.folder / "journal"), region=self._region)
        except (OSError, JournalError) as error:
            raise ServiceError(f"SQS cannot read its messages: {error}") from error
        declare_queues(broker, self._queues)
        async with serving(broker, self._listening):
            yield broker
        broker.close()

    def stop(self) -> None:
        """Leave the port. Harmless when it has been left."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
