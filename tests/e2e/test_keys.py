"""A deployed engine takes API keys only, and of a browser, whose WebSocket can send none, a ticket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.e2e.client import PATIENCE_S, Client
from tests.e2e.deployed import Deployment
from tests.e2e.engine import Engine
from tests.e2e.life import TERMINAL, Wire, assert_complete
from tests.e2e.raw import ask

ORDER = json.dumps({"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1.5}).encode()
REFUSED = (
    401,
    403,
)  # at a handshake: API Gateway hands the function's status on, its emulator has one for all
ROUTES = [
    ("POST", "/api/orders/execute"),
    ("POST", "/api/orders/batch"),
    ("POST", "/api/tickets"),
    ("GET", "/api/orders"),
    ("DELETE", "/api/orders"),
    ("GET", "/api/orders/00000000-0000-0000-0000-000000000001"),
    ("DELETE", "/api/orders/00000000-0000-0000-0000-000000000001"),
    ("GET", "/api/quote?tokenIn=SOL&tokenOut=USDC&amount=1"),
    ("GET", "/api/tokens"),
]


def new_key(deployment: Deployment, account: str) -> Wire:
    """A key that the function for administrators makes."""
    event = {"action": "create", "account": account, "name": "any", "scopes": ["orders:read", "orders:write"]}
    key: Wire = deployment.invoke("admin", event)
    return key


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_without_a_key_there_is_nothing(
    deployment: Deployment, engine: Engine, method: str, path: str
) -> None:
    body = ORDER if method == "POST" else None
    ask(replace(engine, api_key=""), method, path, body).assert_refused(401, "UNAUTHENTICATED")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer oek_000000000000_" + "x" * 43}])
async def test_without_a_key_there_is_no_socket(
    deployment: Deployment, engine: Engine, headers: Mapping[str, str]
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(engine.ws_url, additional_headers=headers, proxy=None, open_timeout=PATIENCE_S)
    assert refused.value.response.status_code in REFUSED


async def test_an_orders_address_opens_one_socket_without_a_key(
    deployment: Deployment, engine: Engine, client: Client
) -> None:
    order = await client.submit("SOL", "USDC")
    async with connect(order["websocket"], proxy=None, open_timeout=PATIENCE_S) as socket:
        events = [json.loads(await socket.recv())]
        while events[-1]["status"] not in TERMINAL:
            events.append(json.loads(await socket.recv()))
    assert_complete(events)
    with pytest.raises(InvalidStatus) as refused:
        await connect(order["websocket"], proxy=None, open_timeout=PATIENCE_S)
    assert refused.value.response.status_code in REFUSED


async def test_the_order_of_another_account_is_not_there(
    deployment: Deployment, engine: Engine, client: Client
) -> None:
    order = await client.submit("SOL", "USDC")
    other = replace(engine, api_key=new_key(deployment, "other")["key"])
    path = f"/api/orders/{order['orderId']}"
    ask(other, "GET", path, headers={}).assert_refused(404, "ORDER_NOT_FOUND")
    assert ask(engine, "GET", path, headers={}).status == 200


async def test_a_key_that_is_revoked_is_refused_at_once_and_its_sockets_are_closed(
    deployment: Deployment, engine: Engine
) -> None:
    key = new_key(deployment, "brief")
    brief = replace(engine, api_key=key["key"])
    async with Client(brief) as client, client.socket() as socket:
        assert (await client.ask("GET", "/api/orders")).status == 200
        assert "error" not in deployment.invoke("admin", {"action": "revoke", "id": key["id"]})
        assert (await client.ask("GET", "/api/orders")).status == 401
        deployment.start("relay", {"shard": 0})  # in case none runs; one that does, goes on
        assert (await socket.receive())["code"] == "UNAUTHENTICATED"
        with pytest.raises(ConnectionClosed):
            await socket.receive()
