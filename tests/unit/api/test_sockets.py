"""The WebSocket functions when an answer fails: the invocation succeeds, and the failure is logged."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from chalicelib.ports.live import ConnectionGone

from tests.fakes import MemoryEngine
from tests.rest import socket_event

DONE = {"statusCode": 200}
PING = '{"action": "ping"}'


@pytest.fixture
def engine() -> Iterator[MemoryEngine]:
    with MemoryEngine() as engine:
        engine.redis.connections[0].add("socket")
        yield engine


def test_a_message_is_answered_on_its_connection(engine: MemoryEngine) -> None:
    assert socket_event("message", PING) == DONE
    assert engine.push.frames["socket"] == [{"action": "pong"}]


def test_a_failed_answer_is_followed_by_an_internal_error(engine: MemoryEngine) -> None:
    engine.push.faults.append(OSError("reset"))
    assert socket_event("message", PING) == DONE
    assert [frame["code"] for frame in engine.push.frames["socket"]] == ["INTERNAL_ERROR"]


@pytest.mark.parametrize(
    "fault",
    [
        OSError("reset again"),
        ConnectionGone("socket"),  # closed meanwhile
    ],
    ids=repr,
)
def test_an_internal_error_that_cannot_be_sent_is_logged(
    engine: MemoryEngine, caplog: pytest.LogCaptureFixture, fault: Exception
) -> None:
    engine.push.faults.extend([OSError("reset"), fault])
    assert socket_event("message", PING) == DONE
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert repr(fault) in caplog.messages[-1]
    assert engine.push.frames["socket"] == []


@pytest.mark.parametrize("text", [PING, "no JSON"])
def test_a_client_that_disconnects_before_the_answer_is_not_an_error(
    engine: MemoryEngine, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    engine.push.gone.add("socket")
    assert socket_event("message", text) == DONE
    assert caplog.records == []


def test_a_client_connects_while_no_relay_can_be_started(engine: MemoryEngine) -> None:
    engine.launcher.refused.add(0)
    assert socket_event("connect") == DONE
    assert "socket" in engine.redis.connections[0]
