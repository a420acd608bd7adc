"""A clock for brokers and queues."""

from __future__ import annotations

import pytest

from tests.unit.local.servers.sqs.brokers import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()
