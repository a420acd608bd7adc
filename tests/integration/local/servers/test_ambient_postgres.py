"""Variables of the user's shell that are meant for another Postgres, and the one that is started here."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from chalicelib.adapters.postgres.database import Database
from chalicelib.migrations import migrate

from local.servers import Postgres

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


@pytest.fixture(params=[*AMBIENT, "all"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Postgres]:
    for name, value in AMBIENT.items():
        if request.param in (name, "all"):
            monkeypatch.setenv(name, value)
    server = Postgres(tmp_path_factory.mktemp("ambient") / "postgres", durable=False, temporary=True)
    server.start()
    yield server
    server.stop()


async def test_the_embedded_server_is_reached_whatever_the_shell_says(server: Postgres) -> None:
    await asyncio.to_thread(migrate, server.url)
    database = Database(server.url)
    try:
        assert await database.run("ping") == [{"answer": 1}]
    finally:
        await database.close()
