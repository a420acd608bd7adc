"""The first API key of a deployment: made once, kept where its owner finds it, and said nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import app as functions
import pytest
from chalicelib import runtime
from chalicelib.domain.account import Scope
from chalicelib.domain.keys import key_id

from tests.fakes import MemoryEngine
from tests.rest import call, submit

SECRET = "arn:aws:secretsmanager:us-east-1:000000000000:secret:admin-key"
SETTINGS: dict[str, Any] = {"engine_auth": "keys", "admin_key_secret": SECRET, "rate_limit_per_s": 0}


@pytest.fixture
def engine() -> Iterator[MemoryEngine]:
    with MemoryEngine(**SETTINGS, key_pepper="p" * 32) as engine:
        yield engine


def bootstrap() -> Any:
    return functions.admin({"action": "bootstrap"}, None)


def kept(engine: MemoryEngine) -> str:
    assert engine.kept_key.text is not None
    return engine.kept_key.text


def make(*scopes: Scope) -> str:
    """The id of another key."""
    made = runtime.run(runtime.current().key_management.create("ops", "any", scopes))
    return made.key.id


def revoke(key: str) -> None:
    assert "error" not in functions.admin({"action": "revoke", "id": key}, None)


def is_valid(key: str) -> bool:
    return call("GET", "/api/orders", headers={"x-api-key": key}).status == 200


def test_a_deployment_without_a_key_gets_one_that_may_do_everything(engine: MemoryEngine) -> None:
    assert bootstrap() == {"secret": SECRET, "made": True}
    headers = {"x-api-key": kept(engine)}
    assert submit(headers=headers).status == 202
    assert "database" in call("GET", "/health", headers=headers).body  # which administrators see
    [key] = engine.keys.rows.values()
    assert (key.account.id, key.scopes) == ("admin", frozenset(Scope))


def test_the_key_is_in_no_answer_and_no_log_line(
    engine: MemoryEngine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    answers = [bootstrap(), bootstrap()]
    secret = kept(engine).split("_", 2)[2]
    assert secret not in f"{answers}{caplog.text}"
    shown = key_id(kept(engine))
    assert shown and shown in caplog.text


def test_a_second_deployment_leaves_the_key_as_it_is(engine: MemoryEngine) -> None:
    bootstrap()
    first = kept(engine)
    assert bootstrap() == {"secret": SECRET, "made": False}
    assert kept(engine) == first
    assert len(engine.keys.rows) == 1


def test_a_key_that_was_ended_is_not_made_again_while_another_administrator_has_one(
    engine: MemoryEngine,
) -> None:
    bootstrap()
    first, other = kept(engine), make(Scope.ADMIN)
    revoke(str(key_id(first)))
    assert bootstrap() == {"secret": SECRET, "made": False}
    assert not is_valid(kept(engine))
    revoke(other)
    make(Scope.ORDERS_READ)  # who may not manage keys
    assert bootstrap()["made"]
    assert is_valid(kept(engine))


def test_a_new_secret_gets_a_key_whatever_keys_an_earlier_deployment_has_left(engine: MemoryEngine) -> None:
    make(Scope.ADMIN)
    assert bootstrap()["made"]
    assert is_valid(kept(engine))


def test_after_the_pepper_was_replaced_the_key_is_made_again(engine: MemoryEngine) -> None:
    bootstrap()
    left = dict(engine.keys.rows)
    text = engine.kept_key.text
    with MemoryEngine(**SETTINGS, key_pepper="q" * 32) as later:
        later.keys.rows, later.kept_key.text = left, text
        assert bootstrap()["made"]
        assert is_valid(kept(later))


@pytest.mark.parametrize("text", ["", "not a key", "oek_0123456789ab_" + "x" * 43])
def test_what_is_no_key_in_the_secret_is_replaced(engine: MemoryEngine, text: str) -> None:
    engine.kept_key.text = text
    assert bootstrap()["made"]
    assert is_valid(kept(engine))


def test_a_key_that_could_not_be_kept_is_ended(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def write(text: str) -> None:
        engine.kept_key.unavailable = True
        engine.kept_key._reach()

    monkeypatch.setattr(engine.kept_key, "write", write)
    assert bootstrap()["code"] == "TEMPORARILY_UNAVAILABLE"
    [key] = engine.keys.rows.values()
    assert key.revoked_at is not None


def test_an_event_with_more_in_it_is_refused(engine: MemoryEngine) -> None:
    answer = functions.admin({"action": "bootstrap", "account": "mine"}, None)
    assert answer["code"] == "UNKNOWN_FIELD"
    assert engine.keys.rows == {}
