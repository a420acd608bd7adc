"""The gateway's WebSocket side: real uvicorn, real handlers, real clients of `websockets`."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from chalicelib.ports.live import ConnectionGone
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.integration.gateway_app import SOCKET_PATH, Served, serving, until

LIMIT = 131_072


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


def echo_to(served: Served) -> None:
    """Have the message function push each message back, as a function does, before it returns."""

    def push(event: dict[str, Any]) -> dict[str, int]:
        served.push_from_function(event["requestContext"]["connectionId"], {"echo": event["body"]})
        return {"statusCode": 200}

    served.app.on_message = push


async def receive(client: ClientConnection) -> Any:
    return json.loads(await asyncio.wait_for(client.recv(), 5))


async def closed_with(client: ClientConnection) -> int | None:
    """Read until the end; the code the gateway closed with."""
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            await asyncio.wait_for(client.recv(), 10)
    return closed.value.rcvd.code if closed.value.rcvd else None


async def test_connect_message_and_disconnect_events_have_api_gateways_form(served: Served) -> None:
    async with connect(served.socket_url + "?orderId=a%20b", additional_headers={"X-Trace": "1"}) as client:
        await client.send('{"action":"ping"}')
        await until(lambda: served.app.of_type("MESSAGE"))
    await until(lambda: served.app.of_type("DISCONNECT"))
    connected, message, disconnected = served.app.events
    assert connected["queryStringParameters"] == {"orderId": "a b"}
    assert connected["headers"]["X-Trace"] == "1"
    assert connected["requestContext"]["routeKey"] == "$connect"
    assert connected["requestContext"]["domainName"] == f"127.0.0.1:{served.port}"
    assert message["body"] == '{"action":"ping"}'
    assert message["requestContext"]["routeKey"] == "$default"
    assert disconnected["requestContext"]["routeKey"] == "$disconnect"
    assert disconnected["requestContext"]["disconnectStatusCode"] == 1000
    assert len({event["requestContext"]["connectionId"] for event in served.app.events}) == 1
    assert len({event["requestContext"]["requestId"] for event in served.app.events}) == 3


async def test_a_refused_client_receives_the_reason_and_a_close_code_of_its_status(served: Served) -> None:
    error = {"error": "There is no such order.", "code": "ORDER_NOT_FOUND"}
    served.app.on_connect = lambda event: {"statusCode": 404, "body": json.dumps(error)}
    async with connect(served.socket_url) as client:
        assert await receive(client) == error
        assert await closed_with(client) == 4404
        assert client.close_reason == "ORDER_NOT_FOUND"
    with pytest.raises(ConnectionGone):
        await served.gateway.send(served.connection_id(), "too late")
    assert not served.app.of_type("DISCONNECT")
    assert served.gateway.connections == 0


async def test_a_refusal_without_a_body_closes_with_its_status(served: Served) -> None:
    served.app.on_connect = lambda event: {"statusCode": 403}
    async with connect(served.socket_url) as client:
        assert await closed_with(client) == 4403


async def test_too_many_handshakes_are_closed_with_a_code_that_says_so() -> None:
    async with (
        serving(rate_per_s=0.01, burst=1) as served,
        connect(served.socket_url),
        connect(served.socket_url) as client,
    ):
        assert (await receive(client))["code"] == "TOO_MANY_REQUESTS"
        assert await closed_with(client) == 4429


async def test_the_subprotocol_that_the_function_chooses_is_answered(served: Served) -> None:
    served.app.on_connect = lambda event: {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "b"}}
    async with connect(served.socket_url, subprotocols=["a", "b"]) as client:  # type: ignore[list-item]
        assert client.subprotocol == "b"
    assert served.app.of_type("CONNECT")[0]["multiValueHeaders"]["Sec-WebSocket-Protocol"] == ["a, b"]


async def test_a_connect_function_that_raises_refuses_the_client(served: Served) -> None:
    served.app.on_connect = lambda event: 1 / 0
    async with connect(served.socket_url) as client:
        assert (await receive(client))["code"] == "INTERNAL_ERROR"
        assert await closed_with(client) == 4500


async def test_another_path_has_no_websocket(served: Served) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"ws://127.0.0.1:{served.port}/api/orders")
    assert refused.value.response.status_code == 404
    assert json.loads(refused.value.response.body or b"")["code"] == "NOT_FOUND"
    assert not served.app.events


async def test_messages_pushed_while_connecting_arrive_after_the_handshake(served: Served) -> None:

    def push_early(event: dict[str, Any]) -> dict[str, int]:
        for number in range(3):
            served.push_from_function(event["requestContext"]["connectionId"], number)
        return {"statusCode": 200}

    served.app.on_connect = push_early
    async with connect(served.socket_url) as client:
        assert [await receive(client) for _ in range(3)] == [0, 1, 2]


async def test_messages_of_a_connection_are_handled_in_order(served: Served) -> None:
    echo_to(served)
    async with connect(served.socket_url) as client:
        for number in range(50):
            await client.send(str(number))
        assert [(await receive(client))["echo"] for _ in range(50)] == [str(number) for number in range(50)]


async def test_a_long_catch_up_reaches_a_client_that_reads(served: Served) -> None:
    async with connect(served.socket_url) as client:
        for number in range(5_000):
            await served.gateway.send(served.connection_id(), str(number))
        assert [await receive(client) for _ in range(5_000)] == list(range(5_000))


async def test_a_failed_function_is_answered_with_an_error_and_the_connection_stays_open(
    served: Served,
) -> None:
    async with connect(served.socket_url) as client:
        served.app.on_message = lambda event: {"statusCode": 500}
        await client.send("{}")
        assert (await receive(client))["code"] == "INTERNAL_ERROR"
        served.app.on_message = lambda event: 1 / 0
        await client.send("{}")
        error = await receive(client)
        assert (error["code"], error["connectionId"]) == ("INTERNAL_ERROR", served.connection_id())
        echo_to(served)
        await client.send("still here")
        assert (await receive(client))["echo"] == "still here"


async def test_a_binary_frame_is_answered_and_the_connection_stays_open(served: Served) -> None:
    async with connect(served.socket_url) as client:
        await client.send(b"\x00\x01")
        assert (await receive(client))["code"] == "INVALID_JSON"
        await client.ping()
    assert not served.app.of_type("MESSAGE")


async def test_a_message_at_the_limit_passes(served: Served) -> None:
    echo_to(served)
    async with connect(served.socket_url) as client:
        await client.send("x" * LIMIT)
        assert len((await receive(client))["echo"]) == LIMIT


@pytest.mark.parametrize("text", ["x" * (LIMIT + 1), "é" * (LIMIT // 2 + 1)])
async def test_a_message_beyond_the_limit_is_answered_with_an_error_and_closes_the_connection(
    served: Served, text: str
) -> None:
    async with connect(served.socket_url) as client:
        await client.send(text)
        assert (await receive(client))["code"] == "MESSAGE_TOO_LARGE"
        assert await closed_with(client) == 1009
    assert not served.app.of_type("MESSAGE")


async def test_a_huge_message_closes_the_connection(served: Served) -> None:
    async with connect(served.socket_url) as client:
        with pytest.raises(ConnectionClosed):
            await client.send("x" * (9 * LIMIT))
            await client.recv()
        await until(lambda: served.app.of_type("DISCONNECT"))
    assert served.app.of_type("DISCONNECT")[0]["requestContext"]["disconnectStatusCode"] == 1009


async def test_too_many_messages_are_throttled() -> None:
    async with serving(rate_per_s=0.01, burst=2) as served, connect(served.socket_url) as client:
        await client.send("1")
        await client.send("2")
        assert (await receive(client))["code"] == "TOO_MANY_REQUESTS"
        assert len(served.app.of_type("MESSAGE")) == 1


async def test_an_idle_connection_is_closed() -> None:
    async with serving(socket_idle_s=0.4) as served, connect(served.socket_url) as client:
        opened_at = time.monotonic()
        await until(lambda: time.monotonic() > opened_at + 0.2)
        await served.gateway.send(served.connection_id(), '"a push counts too"')
        assert await receive(client) == "a push counts too"
        assert await closed_with(client) == 1001
        assert time.monotonic() > opened_at + 0.6
    await until(lambda: served.app.of_type("DISCONNECT"))


async def test_a_lost_connection_is_disconnected_once(served: Served) -> None:
    client = await connect(served.socket_url)
    client.transport.abort()
    await until(lambda: served.gateway.connections == 0)
    (disconnected,) = served.app.of_type("DISCONNECT")
    assert disconnected["requestContext"]["disconnectStatusCode"] == 1006
    await client.wait_closed()


async def test_a_connection_closed_by_a_function_has_its_reason(served: Served) -> None:
    async with connect(served.socket_url) as client:
        connection_id = served.connection_id()
        await served.gateway.send(connection_id, '"last words"')
        await served.gateway.close(connection_id, "enough")
        with pytest.raises(ConnectionGone):
            await served.gateway.send(connection_id, "more")
        assert await receive(client) == "last words"
        assert await closed_with(client) == 1000
        assert client.close_reason == "enough"
    await until(lambda: served.app.of_type("DISCONNECT"))
    await served.gateway.close(connection_id, "gone already is fine")


async def test_a_stop_closes_every_connection_and_invokes_disconnect() -> None:
    async with serving() as served:
        clients = [await connect(served.socket_url) for _ in range(5)]
        served.stop.set()
        assert [await closed_with(client) for client in clients] == [1001] * 5
    assert len(served.app.of_type("DISCONNECT")) == 5


async def test_a_message_under_way_at_the_stop_is_answered() -> None:
    async with serving() as served:

        def answer_late(event: dict[str, Any]) -> dict[str, int]:
            served.app.wait(served.app.release.wait())
            served.push_from_function(event["requestContext"]["connectionId"], "done")
            return {"statusCode": 200}

        served.app.on_message = answer_late
        client = await connect(served.socket_url)
        await client.send("{}")
        await until(lambda: served.gateway.running == 1)
        served.stop.set()
        served.app.release.set()
        assert await receive(client) == "done"
        assert await closed_with(client) == 1001


async def test_a_client_that_does_not_read_is_closed_and_the_others_are_served() -> None:
    async with serving(close_grace_s=0.3) as served, connect(served.socket_url) as reader:
        reading = served.connection_id()
        stuck = await _handshake_and_read_nothing(served.port)
        try:
            await until(lambda: served.connection_id() != reading)
            stuck_id, frame, pushed = served.connection_id(), json.dumps("x" * 1_000), 0
            with pytest.raises(ConnectionGone):
                while pushed < 100_000:
                    await served.gateway.send(stuck_id, frame)
                    pushed += 1
                    if pushed % 100 == 0:
                        await served.gateway.send(reading, frame)
                        await receive(reader)
            # The kernel's buffers of both ends, 64 KB of the transport, and what the queue holds.
            assert pushed < 20_000
            await until(lambda: served.app.of_type("DISCONNECT"))
            await until(lambda: served.gateway.connections == 1)
            await served.gateway.send(reading, "true")
            assert await receive(reader) is True
        finally:
            stuck.close()
    assert len(served.app.of_type("DISCONNECT")) == 2


async def test_a_client_that_reads_again_in_time_receives_the_close_reason() -> None:
    async with serving(socket_queue_messages=10) as served:
        client = await connect(served.socket_url, max_queue=1)
        connection_id = served.connection_id()
        with pytest.raises(ConnectionGone):
            while True:
                await served.gateway.send(connection_id, json.dumps("x" * 50_000))
        assert await closed_with(client) == 1013
        assert client.close_reason == "messages were not read fast enough"


async def _handshake_and_read_nothing(port: int) -> socket.socket:
    """A client's socket whose connection was accepted, and which never reads again."""
    stuck = socket.socket()
    stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stuck.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(stuck, ("127.0.0.1", port))
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    lines = [
        f"GET {SOCKET_PATH} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
    ]
    await loop.sock_sendall(stuck, ("\r\n".join(lines) + "\r\n\r\n").encode())
    assert b" 101 " in await loop.sock_recv(stuck, 64)
    return stuck
