"""Where the servers are: as an environment for the functions, and as a file for a second terminal."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from chalicelib.config import Config

from .errors import ServiceError
from .private import write_private
from .servers.folder import owner_pid
from .signatures import CONNECTIONS, AccessKey

NAME, URL = "endpoints.json", "url"  # in the state folder, while an engine runs


@dataclass(frozen=True)
class Endpoints:
    """Where the functions find their servers; `started` names those that were started here.

    `chain` has the settings of the Solana node that it trades on, by their variables' names.
    The engine's processes sign their calls of `@connections` with `connections_key`, and those of an SQS that
    was started here with `sqs_key`.
    """

    database_url: str
    redis_url: str
    aws_endpoint_url: str
    queue_url: str
    dead_letter_url: str
    chain: Mapping[str, str] = field(default_factory=dict)
    started: Sequence[str] = field(default=(), compare=False)
    connections_key: AccessKey | None = field(default=None, compare=False, repr=False)
    sqs_key: AccessKey | None = field(default=None, compare=False, repr=False)

    def configure(self, config: Config) -> Config:
        """`config` with these servers, and a gateway of its own: others may share them."""
        chain: dict[str, Any] = {name.lower(): value for name, value in self.chain.items()}
        return replace(
            config,
            gateway_id=config.gateway_id or secrets.token_hex(8),
            database_url=self.database_url,
            redis_url=self.redis_url,
            aws_endpoint_url=self.aws_endpoint_url,
            orders_queue_url=self.queue_url,
            orders_dlq_url=self.dead_letter_url,
            database_secret="" if "Postgres" in self.started else config.database_secret,
            database_role_secret="" if "Postgres" in self.started else config.database_role_secret,
            database_login="owner" if "Postgres" in self.started else config.database_login,
            redis_secret="" if "Valkey" in self.started else config.redis_secret,
            **chain,
        )

    def environment(self) -> dict[str, str]:
        """The functions' environment."""
        return {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "AWS_ENDPOINT_URL": self.aws_endpoint_url,
            "ORDERS_QUEUE_URL": self.queue_url,
            "ORDERS_DLQ_URL": self.dead_letter_url,
            **self.chain,
            **self.credentials(),
            **(self.connections_key.environment(CONNECTIONS) if self.connections_key else {}),
        }

    def credentials(self) -> dict[str, str]:
        """AWS region and credentials: our SQS's own key; for another SQS what is set, or emulators take."""
        own = self.sqs_key.environment() if self.sqs_key else {}
        return local_credentials(os.environ) | own

    @classmethod
    def parse(cls, text: str) -> Endpoints:
        """What `publish` has written."""
        given = json.loads(text)
        keys = {name: AccessKey(**given[name]) for name in ("connections_key", "sqs_key") if given.get(name)}
        return cls(**given | keys)


def local_credentials(environ: Mapping[str, str]) -> dict[str, str]:
    """AWS region and credentials: those given, else what emulators take."""
    defaults = {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    return {name: environ.get(name) or default for name, default in defaults.items()}


def prepare_environment(endpoints: Endpoints | None = None) -> None:
    """Set what botocore's clients in the functions look for: credentials, and no proxy on the way to here."""
    credentials = endpoints.credentials() if endpoints else local_credentials(os.environ)
    os.environ |= credentials | _past_proxies()


def _past_proxies() -> dict[str, str]:
    """The environment that keeps calls to this machine from going through a proxy, which can't reach it."""
    known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    return dict.fromkeys(("no_proxy", "NO_PROXY"), ",".join(filter(None, [known, "127.0.0.1", "localhost"])))


def publish(endpoints: Endpoints, state: Path) -> None:
    """Write `endpoints` where `find_running` looks; it holds passwords, so for our eyes only."""
    withdraw(state)
    write_private(state / NAME, json.dumps(asdict(endpoints)))


def publish_url(url: str, state: Path) -> None:
    """Write where the engine serves, for `find_url`."""
    (state / URL).write_text(url)


def withdraw(state: Path) -> None:
    """Undo `publish` and `publish_url`."""
    for name in (NAME, URL):
        (state / name).unlink(missing_ok=True)


def find_url(state: Path) -> str | None:
    """Where the engine serves that runs on `state` now, or None."""
    try:
        return (state / URL).read_text() if owner_pid(state) else None
    except OSError:
        return None


def find_running(state: Path) -> Endpoints | None:
    """The endpoints of the engine that runs on `state` now, or None. Raises ServiceError."""
    try:
        return Endpoints.parse((state / NAME).read_text()) if owner_pid(state) else None
    except FileNotFoundError:
        return None
    except PermissionError:
        raise ServiceError(f"The engine on {state} is another user's: run this as that user.") from None
