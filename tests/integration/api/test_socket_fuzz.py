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
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator

import pytest
from chalicelib.config import Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis
from websockets.asyncio.client import ClientConnection, connect

from local.engine import Engine
from local.services import Endpoints, Services
from tests.e2e import readme
from tests.e2e.client import eventually
from tests.e2e.life import TERMINAL, Wire, assert_complete
from tests.e2e.raw import assert_discreet

ANSWER_WITHIN_S = 10.0
MORE_TASKS, MORE_THREADS = 4, 24  # as pools fill up: ten workers, as many schedules' and handlers' threads
NO_ENVIRONMENT: dict[str, str] = {}
CONFIG = Config(sim_latency=0.0, sim_slot_ms=20, retry_base_ms=0)

PONG = {"action": "pong"}
KNOWN, MINE = (
    str(uuid.UUID(int=1)),
    str(uuid.UUID(int=2)),
)  # placeholders: an order that has ended, and the conversation's last one
UNKNOWN = str(uuid.UUID(int=3))


def codes(row: str) -> set[str]:
    """The codes in the rows of the README's error tables that look like `row`, which finds their cell."""
    cells = re.findall(row, readme.section("Errors"), re.MULTILINE)
    return {code for cell in cells for code in re.findall(r"`(\w+)`", cell)}


DOCUMENTED = codes(r"^\| [45]\d\d[^|]*\|([^|]+)\|") - {"INTERNAL_ERROR"}
WHY_FAILED = codes(r"^\|([^|]+)\| (?:yes|no) \|")


# Messages


def spelled(value: object) -> str:
    """As JSON in ASCII: a lone surrogate is escaped, NaN and Infinity are what Python makes of them."""
    return json.dumps(value)


ANY_TEXT = st.text(st.characters(), max_size=20)  # with lone surrogates and NULs
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4)
)
WORDS = (
    "",
    "ping",
    "subscribe",
    "SOL",
    "\0",
    "SOL\0",
    "\ud800",
    "\udfff\ud800",
    "\u202e",
    "a" * 65,
    "½",
    "\n",
)
IDS = (KNOWN, KNOWN, MINE, MINE, UNKNOWN, KNOWN.upper(), KNOWN.replace("-", ""), f"{{{KNOWN}}}", KNOWN + "\n")
STRANGE_IDS = (f"urn:uuid:{KNOWN}", KNOWN[:-1] + "١", KNOWN[:-1] + "\0", "../" + KNOWN, "' OR 1=1 --", "*")
NUMBERS = (
    *("0", "-0", "-1", "0.5", "1.0", "1e2", "1E-9", "1e-10", "1e400", "-1e400", "1e999999999999999999"),
    *(
        "1e-999999999999999999",
        "0e999999999",
        "9" * 9,
        "9" * 10,
        "9" * 5000,
        "0." + "3" * 500,
        "1" + "0" * 19,
    ),
    *(str(2**63 - 1), str(2**63), str(2**64), "NaN", "Infinity", "-Infinity", "01", "+1", "0x10", "1_0", "١"),
)
NESTED = ("[" * 900 + "]" * 900, "[" * 5000 + "]" * 5000, '{"a":' * 500 + "1" + "}" * 500, "[" * 5000)
ODD = st.one_of(
    st.sampled_from(WORDS + IDS + STRANGE_IDS).map(spelled),
    st.sampled_from(NUMBERS),
    st.sampled_from(NUMBERS).map(spelled),  # as strings
    st.sampled_from(NESTED),
    VALUES.map(spelled),
)
NAMES = (
    st.sampled_from(
        ["side", "tokenIn", "amount", "slippageBps", "clientOrderId", "action", "after", "orderId"]
    )
    | ANY_TEXT
)


def one_of(*words: object) -> st.SearchStrategy[str]:
    return st.sampled_from(words).map(spelled)


SOUND = spelled({"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1})
Shape = dict[str, st.SearchStrategy[str]]
ACTIONS: list[Shape] = [
    {"action": one_of("ping")},
    {"action": one_of("subscribe"), "orderId": one_of(*IDS)},
    {"action": one_of("subscribe"), "orderId": one_of(*IDS), "after": one_of(0, 1, 4, 5, 6, 10**9 - 1, "2")},
    {"action": one_of("unsubscribe"), "orderId": one_of(*IDS)},
]
ORDER: Shape = {
    "tokenIn": one_of("SOL", "BONK", "JTO"),
    "tokenOut": one_of("USDC", "RAY", "SOL"),
    "amount": one_of("1", 2.5, "0.00001", 10**6, "9223372036.854775807", "92233720368547.75807"),
}
ORDERS: list[Shape] = [
    ORDER,
    ORDER | {"slippageBps": one_of(1, 100, 5000)},
    ORDER | {"amount": one_of("1", 2), "clientOrderId": one_of("a", "b", "~ !", "k" * 64)},
]


@st.composite
def near_valid(draw: st.DrawFn, shapes: list[Shape]) -> str:
    """A message of a known shape, its fields in any order; one may be odd, missing, repeated, unknown."""
    shape = draw(st.sampled_from(shapes))
    fields = [(name, draw(good)) for name, good in draw(st.permutations([*shape.items()]))]
    at = draw(st.integers(0, len(fields) - 1))
    match draw(
        st.sampled_from(("sound", "odd", "odd", "odd", "odd", "odd", "missing", "repeated", "unknown"))
    ):
        case "odd":
            fields[at] = (fields[at][0], draw(ODD))
        case "missing":
            del fields[at]
        case "repeated":
            fields.append((fields[at][0], draw(ODD)))
        case "unknown":
            fields.insert(at, (draw(NAMES), draw(ODD)))
    return "{" + ", ".join(f"{spelled(name)}: {value}" for name, value in fields) + "}"


MESSAGES = {
    "text": st.text(max_size=60) | st.text('{}[]":,\\u0 \ttruefalsn\0\ufeff', max_size=30),
    "bytes": st.binary(max_size=40),
    "JSON": VALUES.map(spelled) | ODD,
    "actions": near_valid(ACTIONS),
    "orders": near_valid(ORDERS),
}
EXAMPLES = {"text": 12, "bytes": 12, "JSON": 20, "actions": 60, "orders": 70}
EXPECTED_ANSWERS = {  # at least; else the messages have become too tame
    "text": {"EMPTY_BODY", "INVALID_JSON"},
    "bytes": {"INVALID_JSON"},
    "JSON": {"INVALID_JSON", "NOT_AN_OBJECT", "UNKNOWN_FIELD"},
    "actions": {"subscribed", "unsubscribed", "pong", "INVALID_ORDER_ID", "ORDER_NOT_FOUND", "DUPLICATE_KEY"},
    "orders": {"order", "IDEMPOTENCY_CONFLICT", "INVALID_AMOUNT", "INVALID_TYPE", "DUPLICATE_KEY"},
}
MOST_MESSAGES = 8
AT_ONCE = 4


def conversations(kind: str) -> list[tuple[list[str | bytes], bool]]:
    """Messages, and whether the client waits for the events; all generated before the first runs."""
    generated: list[tuple[list[str | bytes], bool]] = []

    @settings(
        derandomize=True, deadline=None, max_examples=EXAMPLES[kind], suppress_health_check=[*HealthCheck]
    )
    @given(st.lists(MESSAGES[kind], min_size=1, max_size=MOST_MESSAGES), st.booleans())
    def generate(messages: list[str | bytes], politely: bool) -> None:
        generated.append((messages, politely))

    generate()
    return generated


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
            case {"orderId": order_id, "status": _, "websocket": websocket}:
                assert (len(answer), websocket) == (3, f"/api/orders/execute?orderId={order_id}")
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
    keys = [key async for key in redis.scan_iter() if not key.endswith(":lease")]
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
