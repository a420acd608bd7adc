"""Any message on a connection has exactly one JSON answer, and leaves nothing behind.

hypothesis generates conversations, the same ones in every run; each runs on its own connection to a whole
engine with real servers. A ping after every message shows that the connection is still usable, and that the
message was answered once: both answers come in order, with nothing but events of orders between them.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator

import pytest
from chalicelib.config import Config
from redis.asyncio import Redis
from websockets.asyncio.client import ClientConnection, connect

from local.engine import Engine
from local.services import Endpoints, Services
from tests.e2e import readme
from tests.e2e.client import eventually
from tests.e2e.life import TERMINAL, Wire, assert_complete
from tests.e2e.raw import assert_discreet
from tests.integration.api.conversations import KNOWN, MESSAGES, MINE, SOUND, UNKNOWN, conversations

ANSWER_WITHIN_S = 10.0
MORE_TASKS, MORE_THREADS = 4, 24  # as pools fill up: ten workers, as many schedules' and handlers' threads
NO_ENVIRONMENT: dict[str, str] = {}
CONFIG = Config(sim_latency=0.0, sim_slot_ms=20, retry_base_ms=0)

PONG = {"action": "pong"}


def codes(row: str) -> set[str]:
    """The codes in the rows of the README's error tables that look like `row`, which finds their cell."""
    cells = re.findall(row, readme.section("Errors"), re.MULTILINE)
    return {code for cell in cells for code in re.findall(r"`(\w+)`", cell)}


DOCUMENTED = codes(r"^\| [45]\d\d[^|]*\|([^|]+)\|") - {"INTERNAL_ERROR"}
WHY_FAILED = codes(r"^\|([^|]+)\| (?:yes|no) \|")
EXPECTED_ANSWERS = {  # at least; else the messages have become too tame
    "text": {"EMPTY_BODY", "INVALID_JSON"},
    "bytes": {"INVALID_JSON"},
    "JSON": {"INVALID_JSON", "NOT_AN_OBJECT", "UNKNOWN_FIELD"},
    "actions": {"subscribed", "unsubscribed", "pong", "INVALID_ORDER_ID", "ORDER_NOT_FOUND", "DUPLICATE_KEY"},
    "orders": {"order", "IDEMPOTENCY_CONFLICT", "INVALID_AMOUNT", "INVALID_TYPE", "DUPLICATE_KEY"},
}
AT_ONCE = 4


# Answers


class Conversation:
    """One connection: sends messages, and checks what it receives."""

    def __init__(self, connection: ClientConnection, known: str) -> None:
        self._connection = connection
        self._known = known
        self._last = UNKNOWN
        self._subscribed: defaultdict[str, int] = defaultdict(int)  # by order: how often it was subscribed
        self._events: defaultdict[str, list[Wire]] = defaultdict(list)
        self._awaited: set[str] = set()  # orders accepted here, whose events must all arrive

    async def send(self, message: str | bytes) -> Wire:
        """Send it, and return its one answer."""
        if isinstance(message, str):
            message = message.replace(KNOWN, self._known).replace(MINE, self._last)
        await self._connection.send(message)
        await self._connection.send('{"action": "ping"}')
        answer = await self._answer()
        self._check(message, answer)
        assert await self._answer() == PONG, message
        return answer

    async def end(self) -> None:
        """Receive the remaining events of the awaited orders, and nothing else."""
        while not all(self._is_over(order_id) for order_id in self._awaited):
            event = await self._receive()
            assert "seq" in event, event
            self._record(event)
        for order_id in self._awaited:
            events = self._events[order_id]
            if self._subscribed[order_id] == 1:
                assert_complete(events)
            assert {event["seq"] for event in events} == {*range(1, max(e["seq"] for e in events) + 1)}
            assert {event["code"] for event in events if "code" in event} <= WHY_FAILED, events

    def _check(self, message: str | bytes, answer: Wire) -> None:
        match answer:
            case {"error": _, "code": code}:
                assert code in DOCUMENTED, (message, answer)
                assert_discreet(answer)
            case {"action": "subscribed", "orderId": order_id, "after": after}:
                assert (len(answer), type(after)) == (3, int)
                self._subscribed[order_id] += 1
            case {"action": "unsubscribed", "orderId": order_id}:
                assert len(answer) == 2
                self._awaited.discard(order_id)
            case {"orderId": order_id, "status": _, "websocket": websocket, "replayed": replayed}:
                assert websocket.startswith("ws://")
                assert websocket.endswith(f"/api/orders/execute?orderId={order_id}")
                assert (len(answer), type(replayed)) == (4 + ("clientOrderId" in answer), bool)
                self._last = order_id
                self._subscribed[order_id] += 1
                if self._subscribed[order_id] == 1:  # else it may be subscribed with `after` already
                    self._awaited.add(order_id)
            case _:
                assert answer == PONG, (message, answer)

    async def _answer(self) -> Wire:
        while "seq" in (message := await self._receive()):
            self._record(message)
        return message

    def _record(self, event: Wire) -> None:
        assert event["orderId"] in self._subscribed, event
        self._events[event["orderId"]].append(event)

    def _is_over(self, order_id: str) -> bool:
        return any(event["status"] in TERMINAL for event in self._events[order_id])

    async def _receive(self) -> Wire:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            found = json.loads(await self._connection.recv())
        assert isinstance(found, dict)
        return found


# The engine


@pytest.fixture(scope="module")
def services() -> Iterator[Endpoints]:
    """Servers that no other test uses."""
    with Services(None, environ=NO_ENVIRONMENT, durable=False) as running:
        yield running.endpoints


@pytest.fixture
async def engine(services: Endpoints) -> AsyncIterator[Engine]:
    async with Engine(CONFIG, services, port=0) as engine:
        yield engine


@pytest.fixture
async def redis(services: Endpoints) -> AsyncIterator[Redis]:
    async with Redis.from_url(services.redis_url, decode_responses=True) as redis:
        yield redis


async def left(engine: Engine, redis: Redis) -> tuple[int, list[str]]:
    """The number of connections, and the keys in Redis."""
    keys = [key async for key in redis.scan_iter() if not key.endswith((":lease", ":changes"))]
    return engine.gateway.connections, sorted(keys)


async def converse(
    engine: Engine, known: str, messages: list[str | bytes], politely: bool = True
) -> list[Wire]:
    """The answers of a conversation on a connection of its own."""
    url = f"{engine.url.replace('http', 'ws', 1)}/api/orders/execute"
    async with connect(url, proxy=None) as connection:
        conversation = Conversation(connection, known)
        answers = [await conversation.send(message) for message in messages]
        if politely:
            await conversation.end()
        else:
            await conversation.send(SOUND)  # and leaves before its events
            connection.transport.abort()
    return answers


@pytest.mark.parametrize("kind", MESSAGES)
async def test_any_message_has_one_answer_and_leaves_nothing_behind(
    kind: str, engine: Engine, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    known = (await converse(engine, UNKNOWN, [SOUND]))[0]["orderId"]
    await eventually(lambda: left(engine, redis), lambda found: found == (0, []))
    tasks, threads = len(asyncio.all_tasks()), threading.active_count()

    room = asyncio.Semaphore(AT_ONCE)
    answers: list[Wire] = []

    async def run(messages: list[str | bytes], politely: bool) -> None:
        async with room:
            answers.extend(await converse(engine, known, messages, politely))

    async with asyncio.TaskGroup() as group:
        for conversation in conversations(kind):
            group.create_task(run(*conversation))
    await eventually(lambda: left(engine, redis), lambda found: found == (0, []))

    async def grown() -> tuple[int, int]:
        return len(asyncio.all_tasks()) - tasks, threading.active_count() - threads

    await eventually(grown, lambda more: more[0] <= MORE_TASKS and more[1] <= MORE_THREADS)
    assert len(answers) > MORE_THREADS
    seen = {answer.get("code") or answer.get("action") or "order" for answer in answers}
    assert seen >= EXPECTED_ANSWERS[kind]
    assert [record for record in caplog.records if record.levelno >= logging.ERROR or record.exc_info] == []
