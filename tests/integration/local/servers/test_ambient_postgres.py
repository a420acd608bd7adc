"""Variables of the user's shell that are meant for another Postgres, and the one that is started here."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest
from chalicelib.adapters.postgres.database import Database
from chalicelib.migrations import migrate

from local.servers import Postgres
from local.servers.postgres import NOT_IN_A_URL

AMBIENT = {
    "PGSSLMODE": "require",
    "PGGSSENCMODE": "require",
    "PGCHANNELBINDING": "require",
    "PGREQUIREAUTH": "md5",
    "PGHOST": "192.0.2.1",
    "PGHOSTADDR": "192.0.2.1",
    "PGPORT": "1",
    "PGUSER": "nobody",
    "PGDATABASE": "nothing",
    "PGPASSWORD": "wrong",
    "PGTARGETSESSIONATTRS": "standby",
    "PGOPTIONS": "-c default_transaction_read_only=on -c search_path=elsewhere",
    "PGCLIENTENCODING": "SQL_ASCII",
    "PGSERVICE": "another",
    "PGDATESTYLE": "no such style",
    "PGTZ": "no such zone",
    "PGGEQO": "no such switch",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A server that was started while the shell says all of it."""
    server = Postgres(tmp_path_factory.mktemp("ambient") / "postgres", durable=False, temporary=True)
    with pytest.MonkeyPatch.context() as shell:
        for name, value in AMBIENT.items():
            shell.setenv(name, value)
        server.start()
        assert not {*NOT_IN_A_URL} & {*os.environ}
    yield server
    server.stop()


@pytest.mark.parametrize("said", [*sorted(AMBIENT.keys() - NOT_IN_A_URL), "all"])
async def test_the_embedded_server_is_reached_whatever_the_shell_says(
    server: Postgres, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in AMBIENT.keys() - NOT_IN_A_URL if said == "all" else [said]:
        monkeypatch.setenv(name, AMBIENT[name])
    await asyncio.to_thread(migrate, server.url)
    database = Database(server.url)
    try:
        assert await database.run("ping") == [{"answer": 1}]
    finally:
        await database.close()
