"""The two calls that end a deployment: the function that migrates, and the first order."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra import smoke
from infra.errors import MigrationError
from infra.migration import migrate
from infra.smoke import what_is_wrong
from local.errors import Refused


class Function:
    """Aws with a function that answers."""

    def __init__(self, answer: str, **more: str) -> None:
        self.functions = self
        self._answer = {"Payload": io.BytesIO(answer.encode()), **more}

    def invoke(self, **asked: Any) -> dict[str, Any]:
        return self._answer


def test_the_migrations_that_were_applied_are_told() -> None:
    aws: Any = Function('{"applied": ["001_orders.sql"]}')
    assert migrate(aws, "migrate") == ["001_orders.sql"]


@pytest.mark.parametrize(
    ("answer", "more", "message"),
    [
        (
            json.dumps({"errorType": "SyntaxError", "errorMessage": "005_x.sql: line 1"}),
            {"FunctionError": "Unhandled"},
            r"failed: SyntaxError: 005_x\.sql: line 1$",
        ),
        ("Task timed out", {"FunctionError": "Unhandled"}, "failed: Task timed out$"),
        ("null", {}, "did not say what it applied: null"),
    ],
)
def test_a_migration_that_fails_or_says_nothing_is_an_error(
    answer: str, more: dict[str, str], message: str
) -> None:
    aws: Any = Function(answer, **more)
    with pytest.raises(MigrationError, match=message):
        migrate(aws, "migrate")


class Sleeper(Function):
    """Aws with a function that Lambda refuses to call some times."""

    poll_interval_s = 0.0

    def __init__(self, *refusals: str) -> None:
        super().__init__('{"applied": []}')
        self.refusals = [*refusals]

    def invoke(self, **asked: Any) -> dict[str, Any]:
        if self.refusals:
            raise ClientError({"Error": {"Code": self.refusals.pop(0)}}, "Invoke")
        return super().invoke(**asked)


def test_a_function_that_is_asleep_is_called_until_it_is_awake() -> None:
    aws: Any = Sleeper("CodeArtifactUserPendingException", "ResourceNotReadyException")
    assert migrate(aws, "migrate") == []
    assert aws.refusals == []


def test_a_call_that_is_refused_for_another_reason_is_a_failed_migration() -> None:
    aws: Any = Sleeper("TooManyRequestsException", "never asked")
    with pytest.raises(MigrationError, match="TooManyRequestsException"):
        migrate(aws, "migrate")
    assert aws.refusals == ["never asked"]


def life(*statuses: str) -> list[dict[str, Any]]:
    return [
        {"seq": number, "status": status, **({"txHash": "x"} if status == "confirmed" else {})}
        for number, status in enumerate(statuses, start=1)
    ]


def test_a_whole_life_is_what_an_order_should_have_with_a_retry_or_without() -> None:
    assert what_is_wrong(life("pending", "routing", "building", "submitted", "confirmed")) is None
    assert what_is_wrong(life("pending", "routing", "pending", "routing", "submitted", "confirmed")) is None


@pytest.mark.parametrize(
    ("events", "message"),
    [
        (life("pending", "confirmed")[1:], "sequence [2]"),
        (life("pending", "failed"), "is failed"),
        (life("routing", "confirmed"), "without a swap"),
    ],
)
def test_a_life_with_a_gap_or_a_bad_end_is_not(events: list[dict[str, Any]], message: str) -> None:
    assert message in (what_is_wrong(events) or "")


class Engine:
    """A client of an engine that refuses some submits."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = [*statuses]

    async def submit(self, *order: str) -> dict[str, str]:
        if self.statuses:
            raise Refused(self.statuses.pop(0), {})
        return {"orderId": "order"}


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(smoke, "PAUSE_S", 0.0)
    return monkeypatch


async def test_an_engine_that_is_busy_or_waking_up_is_asked_again(at_once: pytest.MonkeyPatch) -> None:
    client: Any = Engine(503, 429, 500)
    assert await smoke._submit(client) == {"orderId": "order"}


@pytest.mark.parametrize(("status", "awake_within_s"), [(400, 60.0), (500, 0.0)])
async def test_an_engine_that_refuses_the_order_or_does_not_wake_up_is_not(
    at_once: pytest.MonkeyPatch, status: int, awake_within_s: float
) -> None:
    at_once.setattr(smoke, "AWAKE_WITHIN_S", awake_within_s)
    client: Any = Engine(status)
    with pytest.raises(Refused):
        await smoke._submit(client)
