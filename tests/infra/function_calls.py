"""Calls every deployed function with events that make it call AWS, valid ones and others."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import app as functions
from chalicelib import runtime
from chalicelib.config import Config
from chalicelib.domain.account import LOCAL, Account, Scope
from chalicelib.domain.terms import OrderType, Terms
from chalicelib.domain.tokens import find_token
from chalicelib.ports.store import NewOrder

from local.triggers.schedule import schedule_event
from tests.infra.recorder import Permission, Recorder
from tests.rest import call, submit

SOL, USDC = (found for symbol in ("SOL", "USDC") if (found := find_token(symbol)))
ORDER = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1}
FAR_LIMIT = ORDER | {"type": "limit", "limitPrice": 1_000_000}  # it rests
SOON_S = 20.0


class Context:
    """As much of Lambda's context as the functions use."""

    def get_remaining_time_in_millis(self) -> int:
        return 10_500  # of which a relay keeps ten seconds to hand over in


class FunctionCalls:
    """Calls one function after the other, each in a new engine, as after a cold start."""

    def __init__(self, config: Config, recorder: Recorder, sqs: Any) -> None:
        self._config = config
        self._recorder = recorder
        self._sqs = sqs
        self._order_id = str(uuid.uuid4())
        self._key: dict[str, str] = {}  # the header that has it

    async def all(self) -> dict[str, set[Permission]]:
        """What each function needs for what it calls."""
        calls: dict[str, Callable[[set[Permission]], None]] = {
            "Migrate": self.migrate,
            "APIHandler": self.api_handler,
            "FireOrders": self.fire_orders,
            "Sweep": self.sweep,  # while the order waits
            "ProcessOrder": self.process_order,
            "WebsocketConnect": self.websocket_connect,
            "WebsocketMessage": self.websocket_message,
            "KeepRelays": self.keep_relays,
            "Relay": self.relay,
            "WebsocketDisconnect": self.websocket_disconnect,
            "Admin": self.admin,
        }
        needed = {}
        async with self._engine():
            await self._place_orders()
            made = await runtime.current().key_management.create(LOCAL.id, "any", [*Scope])
            self._key = {"authorization": f"Bearer {made.text}"}
        for name, call_function in calls.items():
            async with self._engine():
                with self._recorder.recorded() as noted:
                    await asyncio.to_thread(call_function, noted)
                    needed[name] = {*noted}
        return needed

    @asynccontextmanager
    async def _engine(self) -> AsyncIterator[None]:
        runtime.start(self._config, loop=asyncio.get_running_loop())
        try:
            yield
        finally:
            await runtime.stop()

    async def _place_orders(self) -> None:
        """A pending order that is not queued, and a resting one of another account whose price is there."""
        create = runtime.current().store.create
        await create(NewOrder(self._order_id, Terms(SOL, USDC, 10**9, 100)))
        limit = Terms(SOL, USDC, 10**9, 100, floor_out=10**6, type=OrderType.LIMIT, price=Decimal(1))
        await create(NewOrder(str(uuid.uuid4()), limit, account=Account("another")))

    def migrate(self, noted: set[Permission]) -> None:
        assert functions.migrate({}, Context()) == {"applied": []}

    def api_handler(self, noted: set[Permission]) -> None:
        self._sqs.send_message(QueueUrl=self._config.orders_dlq_url, MessageBody="{}")  # for /health to count
        key = self._key
        for route in ("/", "/openapi.json", "/asyncapi.json", "/health", "/api/orders", "/api/tokens"):
            assert call("GET", route, headers=key).status == 200, route
        query = {name: [str(value)] for name, value in ORDER.items()}
        assert call("GET", "/api/quote", query=query, headers=key).status == 200
        again = key | {"idempotency-key": str(uuid.uuid4())}
        assert [submit(headers=again).status for _ in range(2)] == [202, 200]
        order_id = submit(headers=key).body["orderId"]
        assert call("GET", "/api/orders/{order_id}", order_id=order_id, headers=key).status == 200
        batch = json.dumps({"orders": [ORDER, FAR_LIMIT]}).encode()
        assert call("POST", "/api/orders/batch", batch, headers=key).status == 200
        order_id = submit(json.dumps(FAR_LIMIT).encode(), headers=key).body["orderId"]
        assert call("DELETE", "/api/orders/{order_id}", order_id=order_id, headers=key).status == 200
        assert call("DELETE", "/api/orders", headers=key).status == 200
        assert call("POST", "/api/tickets", headers=key).status == 201
        for route in ("/api/engine", "/api/dead-letters"):
            assert call("GET", route, headers=key).status == 200, route
        pair = {"tokenIn": ["SOL"], "tokenOut": ["USDC"]}
        assert call("GET", "/api/prices", query=pair, headers=key).status == 200
        letter = json.dumps({"orderId": self._order_id})  # of an order that has not failed: it is deleted
        self._sqs.send_message(QueueUrl=self._config.orders_dlq_url, MessageBody=letter)
        asked = json.dumps({"orderIds": [self._order_id]}).encode()
        assert call("POST", "/api/dead-letters/redrive", asked, headers=key).status == 200
        assert call("GET", "/api/orders").status == 401

    def process_order(self, noted: set[Permission]) -> None:
        """One order that is confirmed, and a message that stays in the queue."""
        assert self._process(json.dumps({"orderId": self._order_id})) == []
        assert len(self._process("{}")) == 1

    def fire_orders(self, noted: set[Permission]) -> None:
        """One run, which starts that of the other shard; the one of the two fires an order and queues it."""
        for event in (schedule_event("fire_orders"), schedule_event("fire_orders", {"shard": 1})):
            functions.fire_orders(event, Context())
        assert {"sqs:SendMessage", "lambda:InvokeFunction"} <= {action for action, _ in noted}

    def sweep(self, noted: set[Permission]) -> None:
        """Until it has queued an order again, and has asked the queue about one that waits there."""
        deadline = time.monotonic() + SOON_S
        while not {"sqs:SendMessage", "sqs:GetQueueAttributes"} <= {action for action, _ in noted}:
            assert time.monotonic() < deadline, noted
            functions.sweep(schedule_event("sweep"), Context())

    def websocket_connect(self, noted: set[Permission]) -> None:
        """With a key, with a ticket, and with neither."""
        assert self._socket("connect", connection="stranger", key={})["statusCode"] == 401
        ticket = urlsplit(call("POST", "/api/tickets", headers=self._key).body["websocket"]).query
        assert self._socket("connect", query=dict(parse_qsl(ticket)), key={}) == {"statusCode": 200}
        assert self._socket("connect") == {"statusCode": 200}
        assert self._socket("connect", query={"orderId": self._order_id}) == {"statusCode": 200}

    def websocket_message(self, noted: set[Permission]) -> None:
        """Valid messages, one that is not JSON, and one of an unknown connection."""
        subscribe = json.dumps({"action": "subscribe", "orderId": self._order_id})
        cancel = json.dumps({"action": "cancel", "orderId": self._order_id})
        for text in (json.dumps(ORDER), '{"action": "ping"}', subscribe, cancel, "?"):
            assert self._socket("message", text) == {"statusCode": 200}
        self._socket("message", '{"action": "ping"}', connection="unknown")

    def keep_relays(self, noted: set[Permission]) -> None:
        functions.keep_relays(schedule_event("keep_relays"), Context())

    def relay(self, noted: set[Permission]) -> None:
        """The connection gets its subscribed order's events, and the relay hands over at its time limit."""
        assert functions.relay({"shard": 0}, Context()) == {"shard": 0, "handedOver": True}

    def websocket_disconnect(self, noted: set[Permission]) -> None:
        assert self._socket("disconnect") == {"statusCode": 200}

    def admin(self, noted: set[Permission]) -> None:
        assert functions.admin({"action": "bootstrap"}, Context())["made"]
        created = {"action": "create", "account": "mine", "name": "any", "scopes": ["orders:read"]}
        key_id = functions.admin(created, Context())["id"]
        key_id = functions.admin({"action": "rotate", "id": key_id}, Context())["id"]
        assert functions.admin({"action": "list", "account": "mine"}, Context())["keys"]
        assert "error" not in functions.admin({"action": "revoke", "id": key_id}, Context())

    def _process(self, body: str) -> list[Any]:
        """What of a batch of one message is left in the queue."""
        queue = self._config.orders_queue_url
        self._sqs.purge_queue(QueueUrl=queue)
        self._sqs.send_message(QueueUrl=queue, MessageBody=body)
        [message] = self._sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
        record = {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "eventSource": "aws:sqs",
        }
        left: list[Any] = functions.process_order({"Records": [record]}, Context())["batchItemFailures"]
        return left

    def _socket(
        self,
        kind: str,
        text: str = "",
        *,
        query: dict[str, str] | None = None,
        connection: str = "socket",
        key: dict[str, str] | None = None,
    ) -> Any:
        context = {
            "apiId": "api",
            "domainName": "api.example",
            "stage": "api",
            "connectionId": connection,
            "identity": {"sourceIp": "127.0.0.1"},
        }
        headers = self._key if key is None else key
        event = {
            "requestContext": context,
            "headers": headers,
            "queryStringParameters": query,
            "body": text,
        }
        functions.app.websocket_api.configure("api.example", "api")  # or Chalice looks for an AWS_REGION
        return getattr(functions, f"on_ws_{kind}")(event, Context())
