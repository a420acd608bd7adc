"""The gateway's `@connections`, called by boto3 as a function on AWS would."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import httpx
import pytest
from botocore.compat import get_current_datetime
from botocore.config import Config
from botocore.exceptions import ClientError
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from local.gateway.management import SIGNED_S
from local.signatures import AccessKey
from tests.integration.gateway_app import Served, serving, until

KEY = AccessKey.random()


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving(max_message_bytes=1000, connections_key=KEY) as served:
        yield served


@pytest.fixture
def api(served: Served) -> Any:
    return client_of(served.url, KEY)


def client_of(url: str, key: AccessKey) -> Any:
    return boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=url,
        region_name="eu-central-1",
        aws_access_key_id=key.key_id,
        aws_secret_access_key=key.secret,
        config=Config(proxies={}, retries={"total_max_attempts": 1}),
    )


async def test_posted_messages_arrive_in_order(served: Served, api: Any) -> None:
    async with connect(served.socket_url) as client:
        for number in range(20):
            await asyncio.to_thread(
                api.post_to_connection, ConnectionId=served.connection_id(), Data=f'"{number} €"'.encode()
            )
        assert [json.loads(await client.recv()) for _ in range(20)] == [f"{n} €" for n in range(20)]


async def test_a_connection_is_described(served: Served, api: Any) -> None:
    async with connect(served.socket_url, user_agent_header="client/1"):
        found = await asyncio.to_thread(api.get_connection, ConnectionId=served.connection_id())
    assert found["Identity"] == {"SourceIp": "127.0.0.1", "UserAgent": "client/1"}
    for time in (found["ConnectedAt"], found["LastActiveAt"]):
        assert abs(datetime.now(UTC) - time) < timedelta(seconds=30)


async def test_a_deleted_connection_is_closed(served: Served, api: Any) -> None:
    async with connect(served.socket_url) as client:
        await asyncio.to_thread(api.delete_connection, ConnectionId=served.connection_id())
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert (client.close_code, client.close_reason) == (1000, "closed by the engine")
    await until(lambda: served.app.of_type("DISCONNECT"))


@pytest.mark.parametrize("call", ["post_to_connection", "get_connection", "delete_connection"])
async def test_a_closed_connection_is_gone(served: Served, api: Any, call: str) -> None:
    async with connect(served.socket_url):
        connection_id = served.connection_id()
    await until(lambda: not served.gateway.connections)
    more = {"Data": b"{}"} if call == "post_to_connection" else {}
    with pytest.raises(api.exceptions.GoneException) as gone:
        await asyncio.to_thread(getattr(api, call), ConnectionId=connection_id, **more)
    assert gone.value.response["ResponseMetadata"]["HTTPStatusCode"] == 410


async def test_a_frame_that_is_too_large_is_refused_and_the_connection_stays_open(
    served: Served, api: Any
) -> None:
    async with connect(served.socket_url) as client:
        connection_id = served.connection_id()
        with pytest.raises(api.exceptions.PayloadTooLargeException):
            await asyncio.to_thread(
                api.post_to_connection, ConnectionId=connection_id, Data=json.dumps("x" * 1000).encode()
            )
        await asyncio.to_thread(api.post_to_connection, ConnectionId=connection_id, Data=b'"small"')
        assert await client.recv() == '"small"'


async def test_an_unsigned_request_is_refused(served: Served) -> None:
    async with connect(served.socket_url) as client, httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(f"{served.url}/@connections/{served.connection_id()}", content=b"{}")
        assert answer.status_code == 403
        assert answer.headers["x-amzn-errortype"] == "MissingAuthenticationTokenException"
        assert "access-control-allow-origin" not in answer.headers
        await served.gateway.send(served.connection_id(), '"nothing came before"')
        assert await client.recv() == '"nothing came before"'


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (AccessKey("test", "test"), "UnrecognizedClientException"),
        (AccessKey(KEY.key_id, "a guess"), "InvalidSignatureException"),
    ],
    ids=["another key", "another secret"],
)
async def test_a_request_that_is_signed_with_another_key_is_refused(
    served: Served, key: AccessKey, name: str
) -> None:
    api = client_of(served.url, key)
    async with connect(served.socket_url) as client:
        connection_id = served.connection_id()
        for call, more in (
            (api.post_to_connection, {"Data": b"{}"}),
            (api.get_connection, {}),
            (api.delete_connection, {}),
        ):
            with pytest.raises(ClientError) as refused:
                await asyncio.to_thread(call, ConnectionId=connection_id, **more)
            assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
            assert refused.value.response["Error"]["Code"] == name
        await served.gateway.send(connection_id, '"it is still open, and nothing came before"')
        assert await client.recv() == '"it is still open, and nothing came before"'


async def test_without_a_key_every_request_is_refused() -> None:
    async with serving() as served, connect(served.socket_url):
        with pytest.raises(ClientError) as refused:
            await asyncio.to_thread(
                client_of(served.url, KEY).delete_connection, ConnectionId=served.connection_id()
            )
        assert refused.value.response["Error"]["Code"] == "UnrecognizedClientException"


async def test_a_signed_request_counts_for_seconds_and_not_again_later(
    served: Served, api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed_at = get_current_datetime() - timedelta(seconds=SIGNED_S + 2)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: signed_at)
    async with connect(served.socket_url) as client:
        with pytest.raises(ClientError, match="expired"):
            await asyncio.to_thread(
                api.post_to_connection, ConnectionId=served.connection_id(), Data=b'"again"'
            )
        await served.gateway.send(served.connection_id(), '"nothing came before"')
        assert await client.recv() == '"nothing came before"'
