"""Behind a proxy: it is believed if it is trusted, and every address is the one that clients see."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from chalicelib.config import ConfigError
from websockets.asyncio.client import connect

from local.gateway import GatewaySettings
from local.gateway.proxies import Proxies, parse_networks
from tests.integration.gateway_app import serving, until

SAID = {
    "X-Forwarded-For": "203.0.113.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "trade.example",
    "X-Forwarded-Prefix": "/engine",
}


async def seen(headers: Any, path: str = "/api/orders/x", **settings: Any) -> dict[str, Any]:
    """The event of a request with these headers."""
    async with serving(**settings) as served, httpx.AsyncClient(base_url=served.url) as client:
        answer = await client.get(path, headers=headers)
        assert answer.status_code == 200, answer.text
        event: dict[str, Any] = answer.json()
        return event


def trusting(text: str) -> dict[str, Any]:
    return {"trusted_proxies": parse_networks(text)}


@pytest.mark.parametrize("trusted", ["127.0.0.1", "127.0.0.0/8", "10.0.0.1, 127.0.0.1/32", "::1 127.0.0.1"])
async def test_a_trusted_proxy_is_believed(trusted: str) -> None:
    event = await seen(SAID, **trusting(trusted))
    context = event["requestContext"]
    assert context["identity"]["sourceIp"] == "203.0.113.7"
    assert context["domainName"] == event["headers"]["Host"] == "trade.example"
    assert event["headers"]["X-Forwarded-Proto"] == "https"
    assert (event["path"], context["path"]) == ("/api/orders/x", "/engine/api/orders/x")


@pytest.mark.parametrize("trusted", ["", "10.0.0.0/8", "::1"])
async def test_nobody_else_is(trusted: str) -> None:
    event = await seen(SAID, **trusting(trusted))
    context = event["requestContext"]
    assert context["identity"]["sourceIp"] == "127.0.0.1"
    assert context["domainName"].startswith("127.0.0.1:")
    assert event["headers"]["X-Forwarded-Proto"] == "http"
    assert context["path"] == "/api/orders/x"


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7", "203.0.113.7"),  # the client has made the first up
        ("203.0.113.7, 10.1.1.1", "203.0.113.7"),  # two proxies of ours
        ("10.2.2.2, 10.1.1.1", "10.2.2.2"),
        ("203.0.113.7, unknown", "127.0.0.1"),
        ("unknown", "127.0.0.1"),
        ("", "127.0.0.1"),
        ("unknown, 203.0.113.7, 10.1.1.1", "203.0.113.7"),
    ],
)
async def test_the_client_is_the_last_address_that_no_proxy_of_ours_has(forwarded: str, client: str) -> None:
    event = await seen({"X-Forwarded-For": forwarded}, **trusting("127.0.0.1 10.0.0.0/8"))
    assert event["requestContext"]["identity"]["sourceIp"] == client


async def test_a_header_that_is_there_twice_is_one_list() -> None:
    headers = [("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-For", "203.0.113.7")]
    event = await seen(headers, **trusting("127.0.0.1"))
    assert event["requestContext"]["identity"]["sourceIp"] == "203.0.113.7"


@pytest.mark.parametrize(
    "wrong",
    [
        {"X-Forwarded-Proto": "gopher"},
        {"X-Forwarded-Host": "a b/c"},
        {"X-Forwarded-Prefix": "engine"},
        {"X-Forwarded-Prefix": '/a/../"x'},
        {"X-Forwarded-Prefix": "/"},
    ],
    ids=str,
)
async def test_what_makes_no_sense_is_not_believed_of_anyone(wrong: dict[str, str]) -> None:
    event = await seen(wrong, **trusting("127.0.0.1"))
    assert event["requestContext"]["domainName"].startswith("127.0.0.1:")
    assert event["headers"]["X-Forwarded-Proto"] == "http"
    assert event["requestContext"]["path"] == "/api/orders/x"


@pytest.mark.parametrize("path", ["/api/orders/x", "/engine/api/orders/x"])
async def test_a_prefix_may_be_a_setting_and_may_be_passed_on(path: str) -> None:
    event = await seen({}, path, path_prefix="/engine")
    assert (event["path"], event["requestContext"]["path"]) == ("/api/orders/x", "/engine/api/orders/x")


@pytest.mark.parametrize(("path", "below"), [("/engine", ""), ("/engine/", "/"), ("/engines", "/engines")])
def test_the_prefix_alone_is_the_root_with_or_without_a_slash(path: str, below: str) -> None:
    scope = {"type": "http", "client": ("127.0.0.1", 1), "path": path, "raw_path": path.encode()}
    Proxies(prefix="/engine").reveal(scope)
    assert (scope["path"], scope["raw_path"]) == (below, below.encode())


async def test_a_websocket_is_seen_as_its_client_sees_it() -> None:
    async with (
        serving(**trusting("127.0.0.1")) as served,
        connect(served.socket_url, additional_headers=SAID) as client,
    ):
        await client.send("{}")
        await until(lambda: served.app.of_type("MESSAGE"))
    for event in (*served.app.of_type("CONNECT"), *served.app.of_type("MESSAGE")):
        context = event["requestContext"]
        assert context["identity"]["sourceIp"] == "203.0.113.7"
        assert context["domainName"] == "trade.example"
        assert event["headers"]["X-Forwarded-Proto"] == "https"
        assert context["path"] == "/engine/api/orders/execute"


@pytest.mark.parametrize(
    "environ",
    [{"TRUSTED_PROXIES": "proxy.example"}, {"TRUSTED_PROXIES": "10.0.0.0/33"}, {"PATH_PREFIX": "engine"}],
    ids=str,
)
def test_a_wrong_setting_is_named(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=next(iter(environ))):
        GatewaySettings.load(environ)


def test_the_settings_come_from_the_environment() -> None:
    settings = GatewaySettings.load({"TRUSTED_PROXIES": "10.0.0.1, 172.16.0.0/12", "PATH_PREFIX": "/engine/"})
    assert [str(network) for network in settings.trusted_proxies] == ["10.0.0.1/32", "172.16.0.0/12"]
    assert settings.path_prefix == "/engine"
