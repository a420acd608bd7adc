"""What is wrong on a WebSocket is said on it; the socket stays, except after a message that is too large."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from local.client import Refused, Unreachable
from tests.e2e import evidence
from tests.e2e.client import Client, eventually
from tests.e2e.engine import Engine
from tests.e2e.life import TERMINAL, assert_complete
from tests.e2e.raw import assert_discreet

UNKNOWN_ORDER = str(uuid.UUID(int=1))
TOO_BIG = 1009


def subscribe(more: str = "") -> str:
    """A subscription to an order that does not exist, with `more` in it."""
    return f'{{"action": "subscribe", "orderId": "{UNKNOWN_ORDER}"{more}}}'


MESSAGES = [
    ("", "EMPTY_BODY"),
    ("hello", "INVALID_JSON"),
    ("{", "INVALID_JSON"),
    ('{"action": "ping"}\0', "INVALID_JSON"),
    ("NaN", "INVALID_JSON"),
    ("[]", "NOT_AN_OBJECT"),
    ('"ping"', "NOT_AN_OBJECT"),
    ("null", "NOT_AN_OBJECT"),
    ('{"action": "ping", "action": "ping"}', "DUPLICATE_KEY"),
    ('{"action": "dance"}', "UNKNOWN_ACTION"),
    ('{"action": null}', "UNKNOWN_ACTION"),
    ('{"action": ["ping"]}', "UNKNOWN_ACTION"),
    ('{"action": "subscribe"}', "INVALID_ORDER_ID"),
    ('{"action": "subscribe", "orderId": 1}', "INVALID_ORDER_ID"),
    ('{"action": "subscribe", "orderId": "\\u0000"}', "INVALID_ORDER_ID"),
    (subscribe(), "ORDER_NOT_FOUND"),
    (subscribe(', "after": -1'), "INVALID_PARAMETER"),
    (subscribe(', "after": true'), "INVALID_PARAMETER"),
    (subscribe(', "after": 1e99'), "INVALID_PARAMETER"),
    ('{"action": "unsubscribe", "orderId": "me"}', "INVALID_ORDER_ID"),
    ("{}", "MISSING_FIELD"),
    ('{"tokenIn": "SOL", "tokenOut": "USDC"}', "MISSING_FIELD"),
    ('{"tokenIn": "SOL", "tokenOut": "DOGE", "amount": 1}', "UNKNOWN_TOKEN"),
    ('{"tokenIn": "SOL", "tokenOut": "SOL", "amount": 1}', "SAME_TOKEN"),
    ('{"tokenIn": "SOL", "tokenOut": "USDC", "amount": 0}', "INVALID_AMOUNT"),
    ('{"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1e400}', "AMOUNT_TOO_LARGE"),
    ('{"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1, "slippageBps": 9999}', "INVALID_SLIPPAGE"),
    ('{"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1, "side": "buy"}', "UNKNOWN_FIELD"),
]


async def test_each_bad_message_gets_its_code_and_leaves_socket_and_orders_as_they_were(
    client: Client, engine: Engine
) -> None:
    async def waiting() -> int:
        return evidence.count_messages(engine)

    await eventually(waiting, lambda messages: messages == 0)
    orders = evidence.count_orders(engine)
    async with client.socket() as socket:
        for message, code in MESSAGES:
            await socket.connection.send(message)
            answer = await socket.receive()
            assert answer["code"] == code, (message, answer)
            assert_discreet(answer)
        await socket.nothing_more()
        assert (evidence.count_orders(engine), evidence.count_messages(engine)) == (orders, 0)
        good = await socket.ask(tokenIn="SOL", tokenOut="USDC", amount=1)
        assert_complete(await socket.life(good["orderId"]))


async def test_a_message_that_is_nested_too_deep_is_refused(client: Client, gateway: Engine) -> None:
    async with client.socket() as socket:
        await socket.connection.send("[" * 50_000)
        assert (await socket.receive())["code"] == "INVALID_JSON"
        await socket.nothing_more()


async def test_a_bad_message_does_not_disturb_the_sockets_subscription(client: Client) -> None:
    answer = await client.submit("RAY", "USDC")
    async with client.socket(answer["websocket"]) as socket:
        events = await socket.until(lambda event: "retryInMs" in event)
        await socket.send(action="subscribe", orderId=UNKNOWN_ORDER)
        *meanwhile, refusal = await socket.until(lambda message: message["orderId"] == UNKNOWN_ORDER)
        assert refusal["code"] == "ORDER_NOT_FOUND"
        events += meanwhile
        if events[-1]["status"] not in TERMINAL:
            events += await socket.life(answer["orderId"])
        assert_complete(events)


async def test_a_binary_frame_is_refused_and_the_socket_stays(client: Client, gateway: Engine) -> None:
    async with client.socket() as socket:
        await socket.connection.send(b'{"action": "ping"}')
        answer = await socket.receive()
        assert answer["code"] == "INVALID_JSON"
        assert_discreet(answer)
        await socket.nothing_more()


async def test_a_message_of_129_kb_is_refused_and_the_socket_closed(client: Client, gateway: Engine) -> None:
    async with client.socket() as socket:
        await socket.connection.send(json.dumps({"action": "ping", "padding": "x" * 129 * 1024}))
        answer = await socket.receive()
        assert answer["code"] == "MESSAGE_TOO_LARGE"
        assert_discreet(answer)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.receive()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == TOO_BIG


@pytest.mark.parametrize(
    ("parameters", "status", "code"),
    [
        ({"orderId": UNKNOWN_ORDER}, 404, "ORDER_NOT_FOUND"),
        ({"orderId": "me"}, 400, "INVALID_ORDER_ID"),
        ({"orderId": ""}, 400, "INVALID_ORDER_ID"),
        ({"orderId": "\0"}, 400, "INVALID_ORDER_ID"),
        ({"orderId": UNKNOWN_ORDER, "after": "x"}, 400, "INVALID_PARAMETER"),
        ({"orderId": UNKNOWN_ORDER, "after": "-1"}, 400, "INVALID_PARAMETER"),
    ],
    ids=str,
)
async def test_a_handshake_for_an_order_that_there_cannot_be_is_refused_with_the_reason(
    client: Client, parameters: dict[str, Any], status: int, code: str
) -> None:
    if (
        not client.engine.takes_handshakes
    ):  # API Gateway keeps the reason to itself, and the emulator the status
        with pytest.raises((Refused, Unreachable)):
            async with client.socket(**parameters):
                pass
        return
    async with client.socket(**parameters) as socket:
        answer = await socket.receive()
        assert answer["code"] == code
        assert_discreet(answer)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.receive()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4000 + status, code)


async def test_a_handshake_at_another_path_is_refused(client: Client, gateway: Engine) -> None:
    with pytest.raises(Refused) as refused:
        async with client.socket("/api/orders"):
            pass
    assert (refused.value.status, refused.value.code) == (404, "NOT_FOUND")
