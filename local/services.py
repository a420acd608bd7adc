"""Postgres, Valkey and SQS for the engine on this machine: started here, or attached to where a URL is given.

`Services(state).start()` takes the folder, starts or asks them at the same time, and gives `Endpoints`,
whose `environment()` is all that the functions need to know.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from chalicelib.config import Config

from . import ambient
from .endpoints import Endpoints, find_running, local_credentials, publish, withdraw
from .servers import Folder, Postgres, ServiceError, Sqs, Valkey
from .servers.attached import Attached, AttachedPostgres, AttachedRedis, AttachedSqs, find_emulator
from .servers.queues import QueueSettings
from .servers.solana import Solana
from .servers.sqs.server import HostedSqs
from .signatures import AccessKey

__all__ = ["Endpoints", "Line", "ServiceError", "Services", "erase", "find_running", "has_attached"]

AnySqs = Sqs | HostedSqs | AttachedSqs
AnyServer = Postgres | Valkey | AnySqs | AttachedPostgres | AttachedRedis | Solana

LANDS_AFTER_MS = 2500
"""From sending to landing on a Solana node of ours, where SIM_LATENCY is 1."""


@dataclass(frozen=True)
class Line:
    """What is said of one server: its name and version, `started` or `attached`, and where."""

    name: str
    version: str
    how: str
    address: str
    folder: Path | None

    def __str__(self) -> str:
        where = f"  (files: {self.folder})" if self.folder else ""
        return f"{self.name} {self.version}".rstrip() + f" {self.how} at {self.address}{where}"


class Services:
    """The servers, as a context manager. Raises ConfigError for a wrong setting in `environ`.

    `state` is the folder that keeps their files over restarts; None is a temporary one. With `hosts_sqs` the
    queue is no process of its own: the engine serves it, see `hosted_sqs`. `.postgres`,
    `.valkey` and `.sqs` are the servers themselves, and `.solana` is the Solana node that is started where
    WORLD=solana names none; those started here also know `kill()`, `start()` and `restart()`.
    """

    def __init__(
        self,
        state: Path | None,
        *,
        environ: Mapping[str, str] = os.environ,
        durable: bool = True,
        visibility_timeout: int = 90,
        hosts_sqs: bool = False,
        on_progress: Callable[[str], None] | None = None,
    ) -> None:
        self._state = state
        self._environ = environ
        self._durable = durable
        self._hosts_sqs = hosts_sqs
        self._config = Config.load(environ)
        self._queues = QueueSettings(visibility_timeout, self._config.max_attempts)
        self._on_progress = on_progress or (lambda line: None)
        self._folder: Folder | None = None
        self._servers: tuple[AnyServer, ...] = ()
        self._connections_key = AccessKey.random()  # of the engine that these servers are for
        self.postgres: Postgres | AttachedPostgres
        self.valkey: Valkey | AttachedRedis
        self.sqs: AnySqs
        self.solana: Solana | None = None

    @property
    def endpoints(self) -> Endpoints:
        """Where the servers are, once started."""
        sqs = self.sqs
        return Endpoints(
            self.postgres.url,
            self.valkey.url,
            sqs.url,
            sqs.queue_url,
            sqs.dead_letter_url,
            self._chain(),
            self._started,
            self._connections_key,
            None if isinstance(sqs, AttachedSqs) else sqs.key,
        )

    def _chain(self) -> dict[str, str]:
        if self._config.world != "solana":
            return {}
        if self.solana is None:
            return {"WORLD": "solana", "SOLANA_RPC_URLS": self._config.solana_rpc_urls}
        return _settings_of(self.solana)

    @property
    def _started(self) -> list[str]:
        return [server.name for server in self._servers if not isinstance(server, Attached)]

    @property
    def lines(self) -> list[Line]:
        """One line for each server, for the terminal."""
        return [_line(server) for server in self._servers]

    def start(self) -> Endpoints:
        """Start or ask all at once. Raises ServiceError, and then none is left running."""
        self._folder = Folder(self._state)
        try:
            self._choose(self._folder)
            ambient.forget(self._started)
            with ThreadPoolExecutor(4) as threads:
                starts = {threads.submit(server.start): server for server in self._servers}
                for done in as_completed(starts):
                    done.result()
                    self._on_progress(str(_line(starts[done])))
            if self._state:
                publish(self.endpoints, self._folder.path)
        except BaseException:
            self.stop()
            raise
        return self.endpoints

    def stop(self) -> None:
        """Stop what was started here. Harmless when nothing runs."""
        if self._folder is None:
            return
        with ThreadPoolExecutor(4) as threads:
            for server in self._servers:
                threads.submit(server.stop)
        withdraw(self._folder.path)
        self._folder.close()
        self._folder = None

    def _choose(self, folder: Folder) -> None:
        """Decide for each server whether it is ours to start."""
        environ, temporary, holds = self._environ, folder.temporary, folder.holds
        database, cache = (environ.get(name, "").strip() for name in ("DATABASE_URL", "REDIS_URL"))
        self.postgres = (
            AttachedPostgres(database, "DATABASE_URL")
            if database
            else Postgres(folder.part("postgres"), durable=self._durable, temporary=temporary, holds=holds)
        )
        self.valkey = (
            AttachedRedis(cache, "REDIS_URL")
            if cache
            else Valkey(folder.part("valkey"), temporary=temporary, holds=holds)
        )
        self.sqs = self._choose_sqs(folder)
        self.solana = self._choose_solana(folder)
        self._servers = (self.postgres, self.valkey, self.sqs, *([self.solana] if self.solana else []))

    def _choose_sqs(self, folder: Folder) -> AnySqs:
        part, credentials = folder.part("sqs"), local_credentials(self._environ)
        region, key = credentials["AWS_DEFAULT_REGION"], AccessKey.given(self._environ)
        if emulator := find_emulator(self._environ):
            return AttachedSqs(*emulator, credentials, self._queues)
        if self._hosts_sqs:
            return HostedSqs(part, region, self._queues, key=key)
        return Sqs(part, region, self._queues, key=key, temporary=folder.temporary, holds=folder.holds)

    def _choose_solana(self, folder: Folder) -> Solana | None:
        config = self._config
        if config.world != "solana" or config.solana_rpc_urls:
            return None
        return Solana(
            folder.part("solana"),
            seed=config.sim_seed,
            slot_ms=config.sim_slot_ms,
            landing_ms=int(LANDS_AFTER_MS * config.sim_latency),
            faults=config.sim_faults,
            temporary=folder.temporary,
            holds=folder.holds,
        )

    @property
    def hosted_sqs(self) -> HostedSqs | None:
        """The SQS that the engine has to serve itself, or None."""
        return self.sqs if isinstance(self.sqs, HostedSqs) else None

    def __enter__(self) -> Services:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def has_attached(environ: Mapping[str, str]) -> bool:
    """Whether a server of yours is given, to attach to. Raises ServiceError for a malformed address."""
    given = any(environ.get(name, "").strip() for name in ("DATABASE_URL", "REDIS_URL"))
    return given or find_emulator(environ) is not None


def erase(state: Path) -> None:
    """Remove all that the servers keep for `state`. Raises ServiceError while an engine runs on it."""
    folder = Folder(state)
    try:
        folder.erase()
    finally:
        folder.close()


def _settings_of(node: Solana) -> dict[str, str]:
    return {
        "WORLD": "solana",
        "SOLANA_CLUSTER": "local",
        "SOLANA_RPC_URLS": node.url,
        "SOLANA_KEY_FILE": str(node.wallet),
        "SOLANA_KEY": "",  # that of the environment is for another cluster
        "SOLANA_KEY_SECRET": "",
        "JUPITER_URL": f"{node.url}/swap/v2",
    }


def _line(server: AnyServer) -> Line:
    folder = getattr(server, "folder", None)
    return Line(server.name, server.version, server.how, server.address, folder)
