"""Who a process is in Postgres, as its settings say."""

from __future__ import annotations

import asyncio

import pytest
from chalicelib.config import Config, ConfigError
from chalicelib.runtime import Runtime


async def test_a_process_that_serves_as_the_role_needs_its_secret() -> None:
    """It would otherwise connect as whoever the URL names."""
    config = Config(
        database_url="postgresql://127.0.0.1/orders", database_login="role", database_secret="arn"
    )
    with pytest.raises(ConfigError, match="DATABASE_ROLE_SECRET"):
        assert Runtime(config, asyncio.get_running_loop()).database
