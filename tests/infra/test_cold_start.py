"""Each function imports what it uses while it starts, and nothing else; each starts in its own process."""

from __future__ import annotations

import asyncio
import json
import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import app as functions
import pytest
from chalice.app import Chalice
from chalicelib.adapters.postgres.database import Database
from chalicelib.adapters.postgres.keys import PostgresKeys
from chalicelib.adapters.postgres.store import PostgresStore, StoreSettings
from chalicelib.adapters.redis.pool import connect
from chalicelib.adapters.redis.registry import RedisRegistry
from chalicelib.api import FUNCTIONS
from chalicelib.api.wire.events import event_detail
from chalicelib.domain.account import LOCAL, Access, Caller, Scope
from chalicelib.domain.keys import ApiKey, key_text
from chalicelib.domain.terms import OrderType, Terms
from chalicelib.ports.live import Subscription
from chalicelib.ports.store import NewOrder
from chalicelib.services.keyed_hash import KeyedHash
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from local.services import Endpoints
from local.triggers.schedule import schedule_event
from tests.infra.cold_start import NEEDS, NOWHERE, Start, start
from tests.samples import SOL, USDC

CLIENT = "127.0.0.1"
PEPPER = "p" * 64
CALLER = Caller(LOCAL, frozenset(Scope), "0123456789ab")
KEY = key_text(CALLER.key_id, "k" * 43)
SOCKET = {
    "apiId": "api",
    "domainName": "api.example",
    "stage": "api",
    "connectionId": "socket",
    "identity": {"sourceIp": CLIENT},
}

TRANSITION = "INFO:chalicelib.services.announcing:transition "


class Aws(BaseHTTPRequestHandler):
    """As much of AWS as the functions call: SQS, Lambda, Secrets Manager, @connections. All calls succeed."""

    secrets: dict[str, str] = {}  # noqa: RUF012  (set by the fixture)
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        match self.headers.get("X-Amz-Target", "").partition("."):
            case ("secretsmanager", _, _):
                arn = json.loads(body)["SecretId"]
                self._answer(200, {"ARN": arn, "SecretString": self.secrets[arn]})
            case ("AmazonSQS", _, "SendMessageBatch"):
                entries = json.loads(body)["Entries"]
                self._answer(200, {"Successful": [{"Id": entry["Id"]} for entry in entries], "Failed": []})
            case ("AmazonSQS", _, _):
                self._answer(200, {"Attributes": {"QueueArn": "arn:aws:sqs:us-east-1:000000000000:orders"}})
            case _:
                self._answer(202 if "/functions/" in self.path else 200)

    def _answer(self, status: int, body: dict[str, Any] | None = None) -> None:
        text = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        """Write no log."""


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Aws) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(5)


@pytest.fixture(scope="module")
def environ(aws: str, database_url: str, services: Endpoints) -> dict[str, str]:
    """A deployed function's environment; the servers' passwords are in secrets."""
    database: dict[str, Any] = conninfo_to_dict(database_url)
    redis = urlsplit(services.redis_url)
    logins = {
        "DATABASE_SECRET": (database.pop("user"), database.pop("password")),
        "REDIS_SECRET": (redis.username or "default", unquote(redis.password or "")),
        "KEY_PEPPER_SECRET": ("keys", PEPPER),
    }
    for name, (username, password) in logins.items():
        Aws.secrets[NOWHERE[name]] = json.dumps({"username": username, "password": password})
    return {
        "DATABASE_URL": make_conninfo(**database),
        "REDIS_URL": redis._replace(netloc=redis.netloc.rpartition("@")[2]).geturl(),
        "AWS_ENDPOINT_URL": aws,
        "WEBSOCKET_ENDPOINT": f"{aws}/api",
        "SIM_LATENCY": "0",
        "TRIGGER_SECONDS": "0",
        "SWEEP_AFTER_MS": "3600000",  # on a slow machine, earlier orders are not overdue
    }


def passwords() -> list[str]:
    """The servers' passwords, where they have one."""
    found = [json.loads(secret)["password"] for secret in Aws.secrets.values()]
    assert any(found)
    return [*filter(None, found)]


@asynccontextmanager
async def subscribed_order(database_url: str, redis_url: str) -> AsyncIterator[str]:
    """An order that waits for a worker, and a connection subscribed to it, without a relay.

    And a resting order whose price is there, and an API key.
    """
    database, redis = Database(database_url), connect(redis_url)
    settings = StoreSettings(lease_ms=20_000, sweep_after_ms=60_000, key_ttl_s=60, max_outstanding=10_000)
    registry = RedisRegistry(redis, shards=1, connections_per_client=10, subscriptions_per_connection=10)
    try:
        order_id = str(uuid.uuid4())
        store = PostgresStore(database, settings, event_detail)
        await store.create(NewOrder(order_id, Terms(SOL, USDC, 10**9, 100)))
        limit = Terms(SOL, USDC, 10**9, 100, floor_out=10**6, type=OrderType.LIMIT, price=Decimal(1))
        await store.create(NewOrder(str(uuid.uuid4()), limit))
        hash = await KeyedHash(peppers, "API keys").make(KEY.encode())
        await PostgresKeys(database).add(
            ApiKey(CALLER.key_id, LOCAL, "any", CALLER.scopes, hash, datetime.now(UTC))
        )
        await registry.connect("socket", CLIENT, Access(CALLER))
        await registry.subscribe(Subscription("socket", order_id))
        yield order_id
        await registry.disconnect("socket", CLIENT)
    finally:
        await redis.aclose()
        await database.close()


async def peppers() -> list[bytes]:
    return [PEPPER.encode()]


def rest(method: str, route: str, body: object = None, **query: str) -> dict[str, Any]:
    """A request as API Gateway sends it to a function."""
    return {
        "resource": route,
        "path": route,
        "httpMethod": method,
        "headers": {"content-type": "application/json", "authorization": f"Bearer {KEY}"},
        "multiValueHeaders": {"content-type": ["application/json"]},
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} or None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {"httpMethod": method, "resourcePath": route, "identity": {"sourceIp": CLIENT}},
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


def events(order_id: str) -> dict[str, list[dict[str, Any]]]:
    """The events that each function is called with: all its valid calls."""
    order: dict[str, object] = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1}
    message = {"messageId": "message", "receiptHandle": "receipt", "body": json.dumps({"orderId": order_id})}
    subscribe = {"action": "subscribe", "orderId": order_id}
    return {
        "app": [
            rest("POST", "/api/orders/execute", order),
            rest("GET", "/api/quote", tokenIn="SOL", tokenOut="USDC", amount="1"),
            rest("GET", "/api/orders"),
            rest("GET", "/openapi.json"),
            rest("GET", "/health"),
            rest("POST", "/api/tickets"),
        ],
        "process_order": [{"Records": [message]}],
        "on_ws_connect": [
            {
                "requestContext": SOCKET,
                "queryStringParameters": {"orderId": order_id},
                "headers": {"x-api-key": KEY},
            }
        ],
        "on_ws_message": [
            {"requestContext": SOCKET, "body": json.dumps(sent)} for sent in (order, subscribe, {"amount": 0})
        ],
        "on_ws_disconnect": [{"requestContext": SOCKET}],
        "relay": [{"shard": 0}],
        "keep_relays": [schedule_event("keep_relays")],
        "fire_orders": [schedule_event("fire_orders")],
        "sweep": [schedule_event("sweep")],
        "migrate": [{}],
        "admin": [{"action": "create", "account": "a", "name": "b", "scopes": ["admin"]}],
    }


@pytest.fixture(scope="module", params=NEEDS)
def function(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def found(function: str, environ: dict[str, str], database_url: str, services: Endpoints) -> Start:
    """The function's start and its calls, with real servers."""

    async def call() -> Start:
        async with subscribed_order(database_url, services.redis_url) as order_id:
            return await asyncio.to_thread(start, function, events(order_id)[function], environ)

    return asyncio.run(call())


def deployed(app: Chalice) -> set[str]:
    """The functions that Chalice makes of the app, as Lambda calls them."""
    pure = {function.handler_string for function in app.pure_lambda_functions}
    triggered = {source.handler_string for source in app.event_sources}
    sockets = {handler.handler_string for handler in app.websocket_handlers.values()}
    return {"app.app", *pure, *triggered, *sockets}


def test_the_packages_of_every_function_are_listed() -> None:
    assert set(FUNCTIONS) == deployed(functions.app) == {f"app.{function}" for function in NEEDS}


def test_a_start_imports_the_packages_that_the_function_needs_and_no_other(
    found: Start, function: str
) -> None:
    assert found.packages == set(NEEDS[function])


def test_a_start_imports_no_handlers_of_another_function(found: Start, function: str) -> None:
    module, _ = FUNCTIONS[f"app.{function}"]
    handlers = {f"chalicelib.api.{name}" for name, _ in FUNCTIONS.values()}
    assert handlers.intersection(found.imported) == {f"chalicelib.api.{module}"}


def test_a_call_finds_everything_imported(found: Start) -> None:
    assert found.late_packages == set(), found.late


def test_every_call_returns_its_functions_result(found: Start) -> None:
    for answer in filter(None, found.answers):
        assert answer.get("statusCode", 200) < 300
        assert not answer.get("batchItemFailures")
        assert "error" not in answer


def test_each_call_and_transition_is_a_line_and_what_finds_nothing_writes_none(
    found: Start, function: str
) -> None:
    transitions = [line for line in found.log if line.startswith(TRANSITION)]
    calls = [line for line in found.log if not line.startswith(TRANSITION)]
    assert all(line.startswith("INFO:chalicelib.api.") for line in calls)
    probes = sum(event.get("path") == "/health" for event in events("")[function])
    said_by_transitions = function in ("process_order", "sweep")
    assert len(calls) == (0 if said_by_transitions else len(events("")[function]) - probes)
    assert bool(transitions) == (function in ("app", "process_order", "on_ws_message", "fire_orders"))


def test_no_line_has_a_password_or_a_clients_message(found: Start) -> None:
    lines = "\n".join([*found.log, *found.out])
    assert "tokenIn" not in lines
    assert not any(password in lines for password in passwords())


def test_no_process_on_lambda_starts_as_an_open_engine() -> None:
    for handler in ("", *NEEDS):
        with pytest.raises(AssertionError, match="ConfigError: ENGINE_AUTH is `open`"):
            start(handler, environ={"ENGINE_AUTH": "open"})


def test_without_a_handler_in_the_environment_nothing_is_imported_at_the_start() -> None:
    assert start("").packages == set()
