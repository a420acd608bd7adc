"""Everything that the bench takes of `local`'s servers, in one place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.servers import Postgres, Valkey
from local.servers.server import Watchdog
from local.services import Endpoints, ServiceError, erase, find_running

__all__ = ["Endpoints", "Pair", "ServiceError", "Watchdog", "erase", "find_running", "postgres_and_redis"]


@dataclass(frozen=True)
class Pair:
    """A running Postgres, which flushes each commit to disk, and a Valkey."""

    database_url: str
    redis_url: str
    pids: tuple[int, ...]


@contextmanager
def postgres_and_redis(state: Path) -> Iterator[Pair]:
    """Both on the folder `state`, of the versions that our engine gets."""
    postgres, valkey = Postgres(state / "postgres"), Valkey(state / "valkey")
    with ExitStack() as running:
        for server in (postgres, valkey):
            running.callback(server.stop)
            server.start()
        assert postgres.pid and valkey.pid
        yield Pair(postgres.url, valkey.url, (postgres.pid, valkey.pid))
