"""Pushes to the gateway's `@connections`, and to servers that answer in other ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from chalicelib.adapters.aws import push as module
from chalicelib.adapters.aws import signed_http
from chalicelib.adapters.aws.push import ApiGatewayPush
from chalicelib.domain.errors import TemporarilyUnavailable
from chalicelib.ports.live import ConnectionGone
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from local.signatures import AccessKey
from tests.integration.adapters.aws.scripted_server import Behaviour, after, answer, raw, scripted
from tests.integration.gateway_app import Served, serving, until
from tests.tls import HOST, certificate, tls_front

CONNECTION = "L0SM9cOFvHc+Ihw="
FIRST_LINE = "POST /@connections/L0SM9cOFvHc%2BIhw%3D HTTP/1.1"
SOON_S = 0.1


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr(signed_http, "LONGEST_BACK_OFF_S", 0.01)
    monkeypatch.setattr(module, "CONNECTING_S", (0.01, 0.01))


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving(connections_key=AccessKey("test", "test")) as served:
        yield served


@asynccontextmanager
async def pushing(url: str) -> AsyncIterator[ApiGatewayPush]:
    """A push that is closed at the end."""
    push = ApiGatewayPush(url)
    try:
        yield push
    finally:
        await push.aclose()


# --- To the gateway ---


async def test_frames_arrive_in_the_order_of_the_sends(served: Served) -> None:
    async with pushing(served.url) as push, connect(served.socket_url) as client:
        for number in range(20):
            await push.send(served.connection_id(), f'"{number} €"')
        assert [await client.recv() for _ in range(20)] == [f'"{number} €"' for number in range(20)]


async def test_many_sends_at_once_reach_their_clients(served: Served) -> None:
    async with pushing(served.url) as push, connect(served.socket_url) as client:
        connection_id = served.connection_id()
        await asyncio.gather(*(push.send(connection_id, str(number)) for number in range(200)))
        assert {await client.recv() for _ in range(200)} == {str(number) for number in range(200)}


async def test_a_send_to_a_closed_connection_raises_connection_gone(served: Served) -> None:
    async with pushing(served.url) as push:
        async with connect(served.socket_url) as client:
            connection_id = served.connection_id()
            await push.send(connection_id, '"hello"')
            assert await client.recv() == '"hello"'
        await until(lambda: not served.gateway.connections)
        with pytest.raises(ConnectionGone):
            await push.send(connection_id, '"still there?"')
        await push.close(connection_id, "gone already is fine")


async def test_close_closes_the_clients_socket(served: Served) -> None:
    async with pushing(served.url) as push, connect(served.socket_url) as client:
        await push.close(served.connection_id(), "not sent by API Gateway")
        with pytest.raises(ConnectionClosed):
            await client.recv()


async def test_no_more_connections_are_remembered_than_the_limit(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 2)
    async with pushing(served.url) as push:
        for _ in range(4):
            async with connect(served.socket_url) as client:
                await push.send(served.connection_id(), '"hello"')
                assert await client.recv() == '"hello"'
        assert len(push._reached) == 2


async def test_tls_is_used_where_the_authority_is_trusted(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = certificate(tmp_path / "trusted.pem")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(shown))
    async with (
        tls_front(served.port, shown) as port,
        pushing(f"https://{HOST}:{port}") as push,
        connect(served.socket_url) as client,
    ):
        await push.send(served.connection_id(), '"hello"')
        assert await client.recv() == '"hello"'


async def test_a_server_with_an_unknown_certificate_is_refused(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    shown = certificate(tmp_path / "unknown.pem")
    async with tls_front(served.port, shown) as port, pushing(f"https://{HOST}:{port}") as push:
        with pytest.raises(TemporarilyUnavailable):
            await push.send(CONNECTION, "{}")


# --- To servers that answer in other ways ---


async def test_a_connection_id_is_percent_encoded_as_boto3_does() -> None:
    async with scripted(answer(200)) as server, pushing(f"{server.url}/stage") as push:
        await push.send(CONNECTION, "{}")
        await push.close(CONNECTION, "")
    assert server.requests == [
        "POST /stage/@connections/L0SM9cOFvHc%2BIhw%3D HTTP/1.1",
        "DELETE /stage/@connections/L0SM9cOFvHc%2BIhw%3D HTTP/1.1",
    ]


async def test_a_connection_that_is_being_opened_is_reached_once_it_is_open() -> None:
    async with scripted(answer(410), answer(410), answer(200)) as server, pushing(server.url) as push:
        await push.send(CONNECTION, "{}")
    assert server.requests == [FIRST_LINE] * 3


async def test_a_connection_that_never_existed_is_gone_after_some_tries() -> None:
    async with scripted(answer(410)) as server, pushing(server.url) as push:
        with pytest.raises(ConnectionGone):
            await push.send(CONNECTION, "{}")
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    "failure",
    [
        answer(429, b'{"message": "Limit exceeded"}'),
        answer(500),
        answer(503, last=True),
        raw(b"", stays=False),  # closed without an answer
        raw(b"no HTTP at all\r\n\r\n"),
    ],
    ids=["throttled", "failed", "unavailable", "closed", "not HTTP"],
)
async def test_a_send_that_fails_once_is_tried_again(failure: Behaviour) -> None:
    async with scripted(failure, answer(200)) as server, pushing(server.url) as push:
        await push.send(CONNECTION, "{}")
    assert server.requests == [FIRST_LINE] * 2


@pytest.mark.parametrize(("status", "requests"), [(403, 1), (404, 1), (413, 1), (429, 2), (503, 2)])
async def test_another_error_status_is_temporarily_unavailable(status: int, requests: int) -> None:
    async with scripted(answer(status, b"the reason")) as server, pushing(server.url) as push:
        with pytest.raises(TemporarilyUnavailable, match=f"{status} to a push: the reason"):
            await push.send(CONNECTION, "{}")
    assert len(server.requests) == requests


async def test_an_unreachable_server_is_temporarily_unavailable() -> None:
    async with pushing("http://127.0.0.1:1") as push:
        with pytest.raises(TemporarilyUnavailable):
            await push.send(CONNECTION, "{}")
        with pytest.raises(TemporarilyUnavailable):
            await push.close(CONNECTION, "")


# --- The connections to the server ---


async def test_sends_one_after_the_other_go_over_one_connection() -> None:
    async with scripted(answer(200)) as server, pushing(server.url) as push:
        for _ in range(5):
            await push.send(CONNECTION, "{}")
    assert (len(server.requests), server.connections) == (5, 1)


async def test_no_more_sends_are_under_way_than_the_limit() -> None:
    released = asyncio.Event()
    async with scripted(after(released, answer(200))) as server, pushing(server.url) as push:
        sending = [asyncio.create_task(push.send(str(number), "{}")) for number in range(100)]
        await until(lambda: server.under_way == module.AT_ONCE)
        released.set()
        await asyncio.gather(*sending)
    assert (len(server.requests), server.most_under_way) == (100, module.AT_ONCE)
    assert server.connections == module.AT_ONCE


async def test_connections_that_the_server_closed_meanwhile_are_replaced_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "TRIES", 1)
    async with scripted(answer(200)) as server, pushing(server.url) as push:
        await asyncio.gather(*(push.send(str(number), "{}") for number in range(10)))
        server.hang_up()  # which the push has not noticed yet when it sends
        await push.send(CONNECTION, "{}")
    assert len(server.requests) == 11


async def test_a_connection_that_the_server_says_it_closes_is_not_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "TRIES", 1)
    async with scripted(answer(200, last=True)) as server, pushing(server.url) as push:
        for _ in range(3):
            await push.send(CONNECTION, "{}")
    assert (len(server.requests), server.connections) == (3, 3)


async def test_a_late_answer_is_not_taken_for_the_next_requests() -> None:
    released = asyncio.Event()
    async with scripted(after(released, answer(200, b"late")), answer(200, b"next")) as server:
        http = signed_http.SignedHttp("execute-api", server.url, read_s=SOON_S)
        with pytest.raises(TemporarilyUnavailable):
            await http.call("POST", "/")
        released.set()
        assert (await http.call("POST", "/")).body == b"next"
        await http.close()


async def test_a_cancelled_call_leaves_no_connection_with_its_answer() -> None:
    released = asyncio.Event()
    async with scripted(after(released, answer(200, b"cancelled")), answer(200, b"next")) as server:
        http = signed_http.SignedHttp("execute-api", server.url)
        call = asyncio.create_task(http.call("POST", "/"))
        await until(lambda: server.under_way)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        released.set()
        assert (await http.call("POST", "/")).body == b"next"
        await http.close()


async def test_aclose_closes_the_connections_to_the_server() -> None:
    async with scripted(answer(200)) as server:
        push = ApiGatewayPush(server.url)
        await push.send(CONNECTION, "{}")
        assert server.open_connections == 1
        await push.aclose()
        await until(lambda: server.open_connections == 0)


async def test_an_interim_answer_is_not_the_answer() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    done = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
    async with scripted(raw(early + done), answer(410)) as server, pushing(server.url) as push:
        await push.send("first", "text")
        with pytest.raises(ConnectionGone):
            await push.send("first", "text")


async def test_a_connection_with_an_unasked_answer_is_not_used_again() -> None:
    done = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
    gone = b"HTTP/1.1 410 Gone\r\ncontent-length: 2\r\n\r\n{}"
    async with scripted(raw(done + gone), answer(200)) as server, pushing(server.url) as push:
        await push.send("first", "text")
        await push.send("first", "text")
        assert server.connections == 2
