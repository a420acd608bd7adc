"""The function `admin` halts trading and resumes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import app as functions
import pytest
from chalicelib import runtime

from tests.fakes import MemoryEngine


@pytest.fixture(autouse=True)
def engine() -> Iterator[MemoryEngine]:
    with MemoryEngine(key_pepper="p" * 32) as engine:
        yield engine


@pytest.fixture
def reasons() -> list[str | None]:
    """What the engine's world, which can be halted here, is halted for, one after the other."""
    reasons: list[str | None] = []

    async def set_halt(reason: str | None) -> str | None:
        reasons.append(reason)
        return reason

    vars(runtime.current().world)["set_halt"] = set_halt
    return reasons


def admin(**event: object) -> Any:
    return functions.admin(event, None)


def test_trading_is_halted_and_resumed(reasons: list[str | None]) -> None:
    assert admin(action="halt", reason="a drill") == {"halted": True, "reason": "a drill"}
    assert admin(action="resume") == {"halted": False}
    assert admin(action="halt") == {"halted": True, "reason": "no reason given"}
    assert reasons == ["a drill", None, "no reason given"]


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"action": "halt", "reason": 1}, "UNKNOWN_FIELD"),
        ({"action": "halt", "reason": ""}, "INVALID_REASON"),
        ({"action": "resume", "reason": "done"}, "UNKNOWN_FIELD"),
    ],
)
def test_a_wrong_request_changes_nothing(reasons: list[str | None], event: dict[str, Any], code: str) -> None:
    assert admin(**event)["code"] == code
    assert reasons == []


@pytest.mark.parametrize("event", [{"action": "halt", "reason": "a drill"}, {"action": "resume"}])
def test_a_world_without_a_switch_is_an_error(event: dict[str, Any]) -> None:
    assert admin(**event)["code"] == "NOT_HALTABLE"
