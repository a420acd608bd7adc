"""Servers for the tests that need them: one set for the whole run, in a temporary folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.services import Endpoints, Services


@pytest.fixture(scope="session")
def services() -> Iterator[Endpoints]:
    """Postgres, Valkey and SQS with empty queues; attached to those that the environment names."""
    with Services(None, durable=False) as running:
        yield running.endpoints
