"""The client against a server that closes connections, refuses and falls silent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from local.client import AsyncEngineClient, Refused, Unreachable

ADDRESS = "/api/orders/execute?orderId=x"
EVENTS = [
    {"orderId": "x", "seq": seq, "status": status}
    for seq, status in enumerate(("pending", "routing", "building", "submitted", "confirmed"), start=1)
]

Handler = Callable[[ServerConnection, int], object]
Gate = Callable[[ServerConnection, Request], Response | None]


def after_of(path: str) -> int:
    return int(parse_qs(urlsplit(path).query)["after"][0])


@asynccontextmanager
async def engine(handler: Handler, gate: Gate | None = None) -> AsyncIterator[AsyncEngineClient]:
    """A server that gives each connection, with its `after`, to `handler`; and a client of it."""

    async def handle(connection: ServerConnection) -> None:
        assert connection.request
        await handler(connection, after_of(connection.request.path))  # type: ignore[misc]

    async with (
        serve(handle, "127.0.0.1", 0, process_request=gate) as server,
        AsyncEngineClient(url_of(server)) as client,
    ):
        yield client


def url_of(server: Server) -> str:
    return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def send(connection: ServerConnection, *events: dict[str, object]) -> None:
    for event in events:
        await connection.send(json.dumps(event))


async def test_a_broken_connection_is_made_again_after_the_last_event():
    begun = []

    async def two_events_each(connection: ServerConnection, after: int) -> None:
        begun.append(after)
        await send(connection, *EVENTS[after : after + 2])
        if after + 2 < len(EVENTS):
            await asyncio.sleep(0)
            connection.transport.close()  # no close frame: the wire is cut

    async with engine(two_events_each) as client:
        assert [event async for event in client.follow("x", websocket=ADDRESS)] == EVENTS
    assert begun == [0, 2, 4]


async def test_a_connection_closed_by_the_engine_is_made_again():
    async def one_event_each(connection: ServerConnection, after: int) -> None:
        await send(connection, EVENTS[after])

    async with engine(one_event_each) as client:
        assert [event async for event in client.follow("x", after=3, websocket=ADDRESS)] == EVENTS[3:]


async def test_an_event_that_comes_twice_is_dropped_and_one_that_is_missing_is_asked_for():
    asked: list[int] = []

    async def disorderly(connection: ServerConnection, after: int) -> None:
        asked.append(after)
        if after:
            await send(connection, *EVENTS[after - 1 :])
        else:
            await send(connection, EVENTS[0], EVENTS[0], EVENTS[2], EVENTS[1])

    async with engine(disorderly) as client:
        assert [event async for event in client.follow("x", websocket=ADDRESS)] == EVENTS
    assert asked == [0, 1]


async def test_an_engine_that_leaves_an_event_out_again_and_again_is_said_to_do_so():
    async def incomplete(connection: ServerConnection, after: int) -> None:
        await send(connection, EVENTS[2])

    async with engine(incomplete) as client:
        with pytest.raises(Unreachable, match="leaves out the event after 0"):
            [event async for event in client.follow("x", websocket=ADDRESS)]


@pytest.mark.parametrize("end", ["cancelled", "expired"])
async def test_an_order_that_rested_is_followed_to_its_end(end: str):
    events = [{"orderId": "x", "seq": seq, "status": status} for seq, status in enumerate(("open", end), 1)]

    async def rest(connection: ServerConnection, after: int) -> None:
        await send(connection, events[after])  # and the connection is closed while the order rests

    async with engine(rest) as client:
        assert [event async for event in client.follow("x", websocket=ADDRESS)] == events


async def everything(connection: ServerConnection, after: int) -> None:
    await send(connection, *EVENTS[after:])


async def test_a_busy_engine_is_tried_again():
    refusals = [HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS]

    def busy(connection: ServerConnection, request: Request) -> Response | None:
        return connection.respond(refusals.pop(), json.dumps({"error": "Busy."})) if refusals else None

    async with engine(everything, busy) as client:
        assert [event async for event in client.follow("x", websocket=ADDRESS)] == EVENTS
    assert not refusals


async def test_a_refused_handshake_raises_its_reason():
    def refuse(connection: ServerConnection, request: Request) -> Response:
        body = {"error": "There is no such order.", "code": "ORDER_NOT_FOUND"}
        return connection.respond(HTTPStatus.NOT_FOUND, json.dumps(body))

    async with engine(everything, refuse) as client:
        with pytest.raises(Refused, match="no such order") as refused:
            await anext(client.follow("x", websocket=ADDRESS))
    assert (refused.value.status, refused.value.code) == (404, "ORDER_NOT_FOUND")


async def test_an_error_message_is_raised():
    async def fail(connection: ServerConnection, after: int) -> None:
        await send(connection, {"error": "Something went wrong inside the engine.", "code": "INTERNAL_ERROR"})

    async with engine(fail) as client:
        with pytest.raises(Refused, match="went wrong"):
            await anext(client.follow("x", websocket=ADDRESS))


async def test_a_silent_connection_is_pinged_and_made_again_once_it_is_lost(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("local.client.async_client.SILENT_FOR_S", 0.01)
    received = []

    async def lose_the_first_connection(connection: ServerConnection, after: int) -> None:
        if after:
            await send(connection, *EVENTS[after:])
            return
        await send(connection, *EVENTS[:2])
        received.append(json.loads(await connection.recv()))
        await send(connection, {"action": "pong"})
        received.append(json.loads(await connection.recv()))  # and is closed

    async with engine(lose_the_first_connection) as client:
        assert [event async for event in client.follow("x", websocket=ADDRESS)] == EVENTS
    assert received == [{"action": "ping"}] * 2


async def test_a_connection_with_a_temporary_error_is_made_again():
    async def fail_the_first_connection(connection: ServerConnection, after: int) -> None:
        if after:
            await send(connection, *EVENTS[after:])
        else:
            await send(connection, EVENTS[0], {"error": "Not now.", "code": "TEMPORARILY_UNAVAILABLE"})

    async with engine(fail_the_first_connection) as client:
        assert [event async for event in client.follow("x", websocket=ADDRESS)] == EVENTS


async def test_an_address_on_another_host_is_used_as_it_is():
    async with (
        serve(lambda connection: everything(connection, 0), "127.0.0.1", 0) as other,
        AsyncEngineClient("http://127.0.0.1:9") as client,
    ):
        address = url_of(other).replace("http", "ws") + "/live?orderId=x"
        assert [event async for event in client.follow("x", websocket=address)] == EVENTS


async def test_a_client_gives_up_when_the_engine_does_not_come_back():
    async def once(connection: ServerConnection, after: int) -> None:
        await send(connection, EVENTS[0])

    async with engine(once) as client:
        follow = client.follow("x", websocket=ADDRESS, patience_s=0)
        assert await anext(follow) == EVENTS[0]
    with pytest.raises(Unreachable, match="is not back"):
        await anext(follow)


async def test_a_server_that_is_not_an_engine_is_unreachable():
    def page(connection: ServerConnection, request: Request) -> Response:
        return connection.respond(HTTPStatus.OK, "<html>hello</html>")

    async with engine(everything, page) as client:
        with pytest.raises(Unreachable, match="not an order engine"):
            await client.health()


@pytest.mark.parametrize(
    "url", ["nonsense", "http://", "ftp://127.0.0.1/", "http://[::", "http://127.0.0.1:99999"]
)
async def test_an_invalid_url_is_unreachable(url: str):
    with pytest.raises(Unreachable):
        async with AsyncEngineClient(url) as client:
            await client.health()
