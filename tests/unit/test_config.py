from __future__ import annotations

from dataclasses import fields

import pytest
from chalicelib.config import Config, ConfigError


def test_an_empty_environment_gives_the_defaults() -> None:
    config = Config.load({})
    assert (config.max_attempts, config.retry_base_ms, config.relay_shards) == (3, 500, 1)
    assert config == Config()


def test_settings_are_read_by_their_names_in_capitals_and_get_their_types() -> None:
    config = Config.load({"DATABASE_URL": "postgresql://h/d", "LEASE_MS": " 900 ", "SIM_LATENCY": "0.5"})
    assert (config.database_url, config.lease_ms, config.sim_latency) == ("postgresql://h/d", 900, 0.5)


def test_an_empty_variable_gives_the_default() -> None:
    assert Config.load({"MAX_ATTEMPTS": "", "SIM_SEED": "  "}) == Config()


def test_other_variables_are_ignored() -> None:
    assert Config.load({"PATH": "/bin", "LEASE": "x"}) == Config()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("MAX_ATTEMPTS", "three"),
        ("MAX_ATTEMPTS", "0"),
        ("MAX_ATTEMPTS", "11"),
        ("MAX_ATTEMPTS", "2.5"),  # a count is whole
        ("MAX_ATTEMPTS", "-1"),
        ("RETRY_BASE_MS", "-1"),
        ("LEASE_MS", "99"),
        ("LEASE_MS", "99999999999"),  # more than the database's integers hold
        ("DATABASE_CONNECTIONS", "0"),
        ("DEFAULT_SLIPPAGE_BPS", "5001"),
        ("MAX_PRICE_IMPACT_BPS", "10001"),
        ("RELAY_SHARDS", "257"),
        ("RELAY_POLL_MS", "0"),
        ("SWEEP_AFTER_MS", "0"),  # a sweep would find the orders it has just queued, without end
        ("SIM_LATENCY", "nan"),  # compares with nothing
        ("SIM_LATENCY", "inf"),
        ("SIM_LATENCY", "-0.1"),
        ("SIM_SLOT_MS", "0"),
    ],
)
def test_an_invalid_setting_is_an_error_that_names_it(name: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.load({name: text})
    assert name in str(caught.value)
    assert text in str(caught.value)


def test_the_bounds_themselves_are_allowed() -> None:
    config = Config.load({"MAX_ATTEMPTS": "10", "SIM_LATENCY": "0", "DEFAULT_SLIPPAGE_BPS": "1"})
    assert (config.max_attempts, config.sim_latency, config.default_slippage_bps) == (10, 0.0, 1)


def test_a_required_setting_that_is_missing_is_named() -> None:
    with pytest.raises(ConfigError, match="REDIS_URL is not set"):
        Config(database_url="x").require("database_url", "redis_url")


@pytest.mark.parametrize("item", fields(Config), ids=lambda item: item.name)
def test_every_setting_has_a_description(item: object) -> None:
    assert item.metadata["doc"]  # type: ignore[attr-defined]


def test_what_a_configuration_shows_of_itself_holds_no_secret() -> None:
    secrets = {
        "DATABASE_URL": "postgresql://user:secret-1@127.0.0.1/orders",
        "REDIS_URL": "redis://:secret-2@127.0.0.1",
        "KEY_PEPPER": "secret-3" * 4,
        "SOLANA_KEY": "secret-4",
        "SOLANA_RPC_URLS": "https://node/?api-key=secret-5",
        "JUPITER_API_KEY": "secret-6",
    }
    assert "secret" not in repr(Config.load(secrets)).replace("_secret", "")
