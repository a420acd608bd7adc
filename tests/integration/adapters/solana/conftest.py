"""A Solana node for these tests, and a database with the schema of WORLD=solana."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from chalicelib.migrations import migrate

from local.environments import add_packages
from local.servers.solana import Solana
from local.services import Endpoints
from tests.databases import new_database

add_packages("solana")

SLOT_MS = 20


@pytest.fixture(scope="package")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Solana]:
    """A blockhash lives for 3 s there, and what has landed is finalized after 0.6 s."""
    node = Solana(Path(tmp_path_factory.mktemp("solana")), slot_ms=SLOT_MS, landing_ms=SLOT_MS)
    node.start()
    yield node
    node.stop()


@pytest.fixture(scope="package")
def solana_database_url(services: Endpoints) -> Iterator[str]:
    with new_database(services.database_url) as url:
        migrate(url, world="solana")
        yield url
