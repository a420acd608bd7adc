"""Servers that are there already, given by DATABASE_URL, REDIS_URL and AWS_ENDPOINT_URL.

They are asked once whether they answer, and never stopped. Each has the face of the server that it replaces.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import urlsplit

from ..ambient import obeyed
from ..errors import ServiceError
from .queues import QueueSettings, connect, create_queues

TIMEOUT = 5  # seconds a server may take to answer


class Attached(ABC):
    """A server at `url`, which the environment variable `variable` gave."""

    name: ClassVar[str]
    how: ClassVar[str] = "attached"

    def __init__(self, url: str, variable: str) -> None:
        self.url = url
        self.variable = variable
        self.version = ""

    @property
    def address(self) -> str:
        """`url` without a password, as it may be shown."""
        parts = urlsplit(self.url)
        user, _, host = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{user.split(':')[0]}@{host}" if user else host, query="").geturl()

    def start(self) -> None:
        """Ask whether it answers. Raises ServiceError."""
        try:
            self.version = self.ask()
        except Exception as error:  # each library has its own tree, and all of it means: no
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ServiceError(
                f"{self.variable} is set, but no {self.name} answers at {self.address} ({reason}). "
                f"Start it, correct {self.variable}, or unset it and one is started for you."
                f"{obeyed(self.name)}"
            ) from error

    def stop(self) -> None:  # noqa: B027 - it is yours, so there is nothing to do
        """Leave it as it is."""

    @abstractmethod
    def ask(self) -> str:
        """The server's version, from the server."""


class AttachedPostgres(Attached):
    """A Postgres of yours."""

    name = "Postgres"

    def ask(self) -> str:
        import psycopg

        with psycopg.connect(self.url, connect_timeout=TIMEOUT) as connection:
            return connection.info.parameter_status("server_version") or ""


class AttachedRedis(Attached):
    """A Redis or Valkey of yours."""

    name = "Redis"

    def ask(self) -> str:
        import redis

        with redis.Redis.from_url(self.url, socket_connect_timeout=TIMEOUT, socket_timeout=TIMEOUT) as client:
            answer = client.info("server")
        return str(answer.get("valkey_version") or answer.get("redis_version"))


class AttachedSqs(Attached):
    """An SQS of yours, in which the queues are made where they are missing."""

    name = "SQS"

    def __init__(self, url: str, variable: str, credentials: dict[str, str], queues: QueueSettings) -> None:
        super().__init__(url, variable)
        self.queue_url = ""
        self.dead_letter_url = ""
        self._credentials = credentials
        self._queues = queues

    def ask(self) -> str:
        client = connect(self.url, self._credentials, timeout=TIMEOUT)
        self.queue_url, self.dead_letter_url = create_queues(client, self._queues)
        return ""


def find_emulator(environ: Mapping[str, str]) -> tuple[str, str] | None:
    """The emulator's endpoint and the variable that gives it, or None where none is given."""
    if url := environ.get("AWS_ENDPOINT_URL", "").strip():
        return url, "AWS_ENDPOINT_URL"
    if host := environ.get("LOCALSTACK_HOST", "").strip():
        from localstack_client.config import get_service_endpoint  # type: ignore[import-untyped]

        try:
            return str(get_service_endpoint("sqs", localstack_host=host)), "LOCALSTACK_HOST"
        except RuntimeError:
            raise ServiceError(f"LOCALSTACK_HOST={host!r} is not <host> or <host>:<port>.") from None
    return None
