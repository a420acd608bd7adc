"""Calls of a deployed engine: the migration, the halt, and the smoke order or quote."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra import smoke
from infra.errors import HaltError, MigrationError
from infra.halt import set_halt
from infra.invoke import migrate
from infra.smoke import find_fault
from local.client import OutcomeUnknown, Refused


class Function:
    """Aws with a function that answers."""

    def __init__(self, answer: str, **more: str) -> None:
        self.functions = self
        self._answer = {"Payload": io.BytesIO(answer.encode()), **more}

    def invoke(self, **asked: Any) -> dict[str, Any]:
        return self._answer


def test_migrate_returns_the_applied_migrations() -> None:
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
        ("null", {}, "did not return the applied migrations: None"),
        ("?", {}, r"failed: migrate did not return JSON: \?"),
    ],
)
def test_a_migration_that_fails_or_returns_nothing_is_an_error(
    answer: str, more: dict[str, str], message: str
) -> None:
    aws: Any = Function(answer, **more)
    with pytest.raises(MigrationError, match=message):
        migrate(aws, "migrate")


class InactiveFunction(Function):
    """Aws with a function whose first calls Lambda refuses."""

    poll_interval_s = 0.0

    def __init__(self, *refusals: str) -> None:
        super().__init__('{"applied": []}')
        self.refusals = [*refusals]

    def invoke(self, **asked: Any) -> dict[str, Any]:
        if self.refusals:
            raise ClientError({"Error": {"Code": self.refusals.pop(0)}}, "Invoke")
        return super().invoke(**asked)


def test_an_inactive_function_is_called_until_it_is_active() -> None:
    aws: Any = InactiveFunction("CodeArtifactUserPendingException", "ResourceNotReadyException")
    assert migrate(aws, "migrate") == []
    assert aws.refusals == []


def test_a_call_that_is_refused_for_another_reason_is_a_failed_migration() -> None:
    aws: Any = InactiveFunction("TooManyRequestsException", "never raised")
    with pytest.raises(MigrationError, match="TooManyRequestsException"):
        migrate(aws, "migrate")
    assert aws.refusals == ["never raised"]


@pytest.mark.parametrize(
    ("answer", "halted_for"),
    [('{"halted": true, "reason": "a drill"}', "a drill"), ('{"halted": false}', None)],
)
def test_a_halt_returns_why_trading_is_halted_now(answer: str, halted_for: str | None) -> None:
    aws: Any = Function(answer)
    assert set_halt(aws, "admin", {"action": "resume"}) == halted_for


@pytest.mark.parametrize(
    ("answer", "more", "message"),
    [
        ('{"error": "It can\'t be halted.", "code": "NOT_HALTABLE"}', {}, r"halted\. \(NOT_HALTABLE\)$"),
        ("Task timed out", {"FunctionError": "Unhandled"}, "as it was: Task timed out$"),
        ("null", {}, "as it was: None"),
    ],
)
def test_a_halt_that_is_refused_or_fails_is_an_error(answer: str, more: dict[str, str], message: str) -> None:
    aws: Any = Function(answer, **more)
    with pytest.raises(HaltError, match=message):
        set_halt(aws, "admin", {"action": "halt"})


def events_of(*statuses: str) -> Any:
    return [
        {"seq": number, "status": status, **({"txHash": "x"} if status == "confirmed" else {})}
        for number, status in enumerate(statuses, start=1)
    ]


def test_the_events_of_a_confirmed_order_have_no_fault_with_a_retry_or_without() -> None:
    assert find_fault(events_of("pending", "routing", "building", "submitted", "confirmed")) is None
    assert find_fault(events_of("pending", "routing", "pending", "routing", "submitted", "confirmed")) is None


@pytest.mark.parametrize(
    ("events", "message"),
    [
        (events_of("pending", "confirmed")[1:], "sequence [2]"),
        (events_of("pending", "failed"), "is failed"),
        (events_of("routing", "confirmed"), "without a swap"),
    ],
)
def test_events_with_a_gap_or_a_bad_end_have_a_fault(events: Any, message: str) -> None:
    assert message in (find_fault(events) or "")


class Engine:
    """A client of an engine that refuses some submits."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = [*statuses]
        self.keys: set[str] = set()

    async def submit(self, terms: object, *, key: str) -> dict[str, str]:
        self.keys.add(key)
        if self.statuses:
            status = self.statuses.pop(0)
            raise OutcomeUnknown("url", key, "no answer") if status == 504 else Refused(status, {})
        return {"orderId": "order"}

    async def quote(self, terms: object) -> dict[str, str]:
        if self.statuses:
            raise Refused(self.statuses.pop(0), {})
        return {"chosen": "raydium"}


@pytest.fixture
def without_delay(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(smoke, "RETRY_INTERVAL_S", 0.0)
    return monkeypatch


async def test_a_busy_or_starting_engine_gets_the_order_again(without_delay: pytest.MonkeyPatch) -> None:
    client: Any = Engine(503, 429, 504)
    assert await smoke._submit(client) == {"orderId": "order"}
    assert len(client.keys) == 1, "a second order"


async def test_a_quote_is_asked_for_again_while_the_engine_starts(without_delay: pytest.MonkeyPatch) -> None:
    client: Any = Engine(503, 500)
    assert await smoke._once_started(lambda: client.quote({})) == {"chosen": "raydium"}
    client = Engine(409)
    with pytest.raises(Refused):
        await smoke._once_started(lambda: client.quote({}))


@pytest.mark.parametrize(("status", "submit_timeout_s"), [(400, 60.0), (500, 0.0), (504, 0.0)])
async def test_an_engine_that_refuses_the_order_or_does_not_start_does_not(
    without_delay: pytest.MonkeyPatch, status: int, submit_timeout_s: float
) -> None:
    without_delay.setattr(smoke, "SUBMIT_TIMEOUT_S", submit_timeout_s)
    client: Any = Engine(status)
    with pytest.raises((Refused, OutcomeUnknown)):
        await smoke._submit(client)
