"""A request for a host that is not the engine's is refused: a page elsewhere may have its name lead here."""

from __future__ import annotations

import json
import socket
from typing import Any

import httpx
import pytest
from chalicelib.config import ConfigError
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from local.gateway import GatewaySettings
from tests.integration.gateway_app import Served, serving


async def status_of(served: Served, host: str, path: str = "/teapot") -> int:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(served.url + path, headers={"Host": host})
    if answer.status_code == 421:
        assert answer.json()["code"] == "HOST_NOT_ALLOWED"
        assert "access-control-allow-origin" not in answer.headers
    return answer.status_code


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:{}", "127.0.0.1:{}", "[::1]:{}", "[::1]", "127.0.0.1"]
)
async def test_every_name_of_the_loopback_is_the_engines(host: str) -> None:
    async with serving(allowed_hosts=()) as served:
        assert await status_of(served, host.format(served.port)) == 418


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{}",
        "localhost.evil.example:{}",
        "127.0.0.1.evil.example:{}",
        "127.0.0.1.:{}",
        "0.0.0.0:{}",
        "192.0.2.1",
        "[::2]",
    ],
)
async def test_a_request_for_another_host_is_refused(host: str) -> None:
    async with serving(allowed_hosts=()) as served:
        for path in ("/teapot", "/health", "/nothing", "/api/orders/x"):
            assert await status_of(served, host.format(served.port), path) == 421
        assert not served.app.events


async def test_names_that_are_set_are_the_engines() -> None:
    settings = GatewaySettings.load(
        {"ALLOWED_HOSTS": " trade.example, [fd00::7] ,", "ENGINE_HOST": "desk.local"}
    )
    async with serving(allowed_hosts=settings.allowed_hosts) as served:
        for host in ("trade.example", "Trade.Example:{}", "[fd00::7]:{}", "desk.local:{}", "localhost:{}"):
            assert await status_of(served, host.format(served.port)) == 418
        assert await status_of(served, "other.example") == 421


@pytest.mark.parametrize("bound", ["0.0.0.0", "::", ""])
def test_an_address_that_is_every_host_s_is_no_name(bound: str) -> None:
    assert GatewaySettings.load({"ENGINE_HOST": bound}).allowed_hosts == ()


async def test_a_star_is_every_name() -> None:
    async with serving(allowed_hosts=("*",)) as served:
        assert await status_of(served, "evil.example") == 418


async def test_the_address_that_a_client_has_connected_to_is_a_name() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.2", 0))  # another address of this machine
    async with serving(host="0.0.0.0", allowed_hosts=()) as served, httpx.AsyncClient() as client:
        url = f"http://127.0.0.2:{served.port}/teapot"
        assert (await client.get(url)).status_code == 418
        assert (await client.get(url, headers={"Host": "127.0.0.3"})).status_code == 421


async def test_a_websocket_for_another_host_is_answered_and_closed() -> None:
    async with serving(allowed_hosts=()) as served:
        url = served.socket_url.replace("127.0.0.1", "evil.example")
        async with connect(url, host="127.0.0.1", port=served.port) as client:
            assert json.loads(await client.recv())["code"] == "HOST_NOT_ALLOWED"
            with pytest.raises(ConnectionClosed):
                await client.recv()
        assert (client.close_code, client.close_reason) == (4421, "HOST_NOT_ALLOWED")
        assert not served.app.events


async def test_the_host_that_counts_is_the_one_that_a_trusted_proxy_was_asked_for() -> None:
    settings = GatewaySettings.load({"TRUSTED_PROXIES": "127.0.0.1", "ALLOWED_HOSTS": "trade.example"})
    given: dict[str, Any] = {
        "trusted_proxies": settings.trusted_proxies,
        "allowed_hosts": settings.allowed_hosts,
    }
    async with serving(**given) as served, httpx.AsyncClient(base_url=served.url) as client:
        for host, status in (("trade.example", 418), ("evil.example", 421)):
            answer = await client.get("/teapot", headers={"X-Forwarded-Host": host})
            assert answer.status_code == status


def test_wrong_origins_are_refused_at_the_start() -> None:
    for wrong in ("trade.example", "https://trade.example/", "https://a https://b", "https://a,,https://b"):
        with pytest.raises(ConfigError, match="ALLOWED_ORIGINS"):
            GatewaySettings.load({"ALLOWED_ORIGINS": wrong})
