"""One node for all tests of a worker. The tests import `solders`, which is installed on first use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.environments import add_packages

add_packages("solana")

from local.servers.solana import Solana  # noqa: E402 - what is imported here needs what was just added
from tests.integration.local.servers.solana.node import Node  # noqa: E402

SLOT_MS, LANDING_MS = 50, 60


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    server = Solana(tmp_path_factory.mktemp("solana"), slot_ms=SLOT_MS, landing_ms=LANDING_MS)
    server.start()
    node = Node(server)
    yield node
    node.http.close()
    server.stop()
    assert "Traceback" not in server.log.read_text()


@pytest.fixture
def node(running: Node) -> Iterator[Node]:
    """The node, without faults."""
    yield running
    running.faults("")
