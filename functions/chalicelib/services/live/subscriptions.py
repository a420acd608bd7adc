"""Requests on a client's connection: connect, subscribe, unsubscribe, ping, submit an order.

    parse → change the registry → answer on the connection → request a relay if its shard has none

Events are not sent from here: the registry notifies the relay of the connection's shard, which delivers them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from ...domain.errors import EngineError, InvalidRequest, NotFound
from ...domain.request import parse_order, parse_order_id
from ...ports.live import Push, Registry, RelayLauncher, Subscription
from ...ports.store import Store
from ..submission import Submission
from .supervisor import request_relay

ACTIONS = ("subscribe", "unsubscribe", "ping")
CONNECTION_NOT_REGISTERED = "the engine has lost track of this socket: connect again, with after"


@dataclass(frozen=True, slots=True)
class SocketSettings:
    """Where clients connect (empty: the same host), and the slippage limit of an order that names none."""

    websocket_url: str
    default_slippage_bps: int

    def url(self, order_id: str) -> str:
        """The WebSocket address that subscribes to an order."""
        return f"{self.websocket_url or '/api/orders/execute'}?orderId={order_id}"


class Subscriptions:
    """The client's side of the WebSocket API."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        push: Push,
        launcher: RelayLauncher,
        submission: Submission,
        settings: SocketSettings,
    ) -> None:
        self._store = store
        self._registry = registry
        self._push = push
        self._launcher = launcher
        self._submission = submission
        self._settings = settings

    async def connect(self, connection_id: str, client: str, order_id: str | None, after: str | None) -> None:
        """Register the connection, and subscribe it to `order_id` if there is one.

        Raises InvalidRequest, NotFound, LimitReached.
        """
        subscription = None
        if order_id is not None:
            subscription = await self._parse_subscription(connection_id, order_id, after or "0")
        await self._registry.connect(connection_id, client)
        if subscription is not None:
            await self._subscribe(subscription)
        else:
            await self._ensure_relay(connection_id)

    async def message(self, connection_id: str, client: str, message: Mapping[str, object]) -> None:
        """Do what the message requests and answer on the connection; an error is an answer too.

        A connection missing from the registry has lost its subscriptions, and the relay may not know them
        either. It is closed, so that its client connects again with the last seq it has seen.
        Raises ConnectionGone.
        """
        try:
            if not await self._registry.is_registered(connection_id):
                await self._push.close(connection_id, CONNECTION_NOT_REGISTERED)
            elif "action" in message:
                await self._act(connection_id, message)
            else:
                await self._submit(connection_id, client, message)
        except EngineError as error:
            await self.send_error(connection_id, error)

    async def send_error(self, connection_id: str, error: EngineError) -> None:
        """Send the client an error in answer to its message. Raises ConnectionGone."""
        await self._push.send(connection_id, json.dumps(error.to_wire()))

    async def _act(self, connection_id: str, message: Mapping[str, object]) -> None:
        match message:
            case {"action": "ping"}:
                await self._answer(connection_id, action="pong")
            case {"action": "subscribe", **rest}:
                subscription = await self._parse_subscription(
                    connection_id, rest.get("orderId"), rest.get("after", "0")
                )
                await self._registry.reserve(
                    subscription
                )  # so that a limit is the answer, not an event before it
                await self._answer(
                    connection_id,
                    action="subscribed",
                    orderId=subscription.order_id,
                    after=subscription.after,
                )
                await self._subscribe(subscription)
            case {"action": "unsubscribe", **rest}:
                order_id = parse_order_id(rest.get("orderId"))
                await self._registry.unsubscribe(connection_id, order_id)
                await self._answer(connection_id, action="unsubscribed", orderId=order_id)
            case _:
                raise InvalidRequest(f"action is one of {', '.join(ACTIONS)}.", code="UNKNOWN_ACTION")

    async def _submit(self, connection_id: str, client: str, message: Mapping[str, object]) -> None:
        terms, key = parse_order(message, self._settings.default_slippage_bps)
        submitted = await self._submission.submit(terms, client=client, key=key)
        await self._answer(connection_id, **submitted.to_wire(self._settings.url(submitted.order_id)))
        await self._subscribe(Subscription(connection_id, submitted.order_id))

    async def _parse_subscription(self, connection_id: str, order_id: object, after: object) -> Subscription:
        known = parse_order_id(order_id)
        subscription = Subscription(connection_id, known, _seq(after))
        if await self._store.order(known) is None:
            raise NotFound(orderId=known)
        return subscription

    async def _subscribe(self, subscription: Subscription) -> None:
        await asyncio.gather(
            self._registry.subscribe(subscription), self._ensure_relay(subscription.connection_id)
        )

    async def _ensure_relay(self, connection_id: str) -> None:
        if not await self._registry.has_relay(connection_id):
            await request_relay(self._launcher, self._registry.shard(connection_id))

    async def _answer(self, connection_id: str, **answer: object) -> None:
        await self._push.send(connection_id, json.dumps(answer))


def _seq(value: object) -> int:
    text = str(value) if isinstance(value, (str, Decimal)) else ""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidRequest("after is the seq of the last event seen.", code="INVALID_PARAMETER")
    return int(text)
