"""What a client does on its socket: connect, follow orders, submit one."""

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
LOST_TRACK = "the engine has lost track of this socket: connect again, with after"


@dataclass(frozen=True, slots=True)
class SocketSettings:
    """Where clients connect (empty: the same host), and the slippage limit of an order that names none."""

    websocket_url: str
    default_slippage_bps: int

    def url(self, order_id: str) -> str:
        """Where to follow an order."""
        return f"{self.websocket_url or '/api/orders/execute'}?orderId={order_id}"


class Sockets:
    """The clients' side of the WebSocket API."""

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
        """Let the client in, and follow `order_id` if it names one.

        Raises InvalidRequest, NotFound, LimitReached.
        """
        following = None
        if order_id is not None:
            following = await self._following(connection_id, order_id, after or "0")
        await self._registry.connect(connection_id, client)
        if following is not None:
            await self._follow(following)
        else:
            await self._ensure_relay(connection_id)

    async def message(self, connection_id: str, client: str, message: Mapping[str, object]) -> None:
        """Do what the message asks and answer on the socket; what is wrong with it is the answer then.

        A connection that is in no registry any more has lost what it followed, and perhaps nobody knows what
        that was. So it is closed, and its client follows anew from the last event that it has seen.
        """
        try:
            if not await self._registry.is_registered(connection_id):
                await self._push.close(connection_id, LOST_TRACK)
            elif "action" in message:
                await self._act(connection_id, message)
            else:
                await self._submit(connection_id, client, message)
        except EngineError as error:
            await self.refuse(connection_id, error)

    async def refuse(self, connection_id: str, error: EngineError) -> None:
        """Tell the client what was wrong with what it sent."""
        await self._push.send(connection_id, json.dumps(error.to_wire()))

    async def _act(self, connection_id: str, message: Mapping[str, object]) -> None:
        match message:
            case {"action": "ping"}:
                await self._answer(connection_id, action="pong")
            case {"action": "subscribe", **rest}:
                following = await self._following(connection_id, rest.get("orderId"), rest.get("after", "0"))
                await self._registry.reserve(following)  # refused or answered, and then the events
                await self._answer(
                    connection_id, action="subscribed", orderId=following.order_id, after=following.after
                )
                await self._follow(following)
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
        await self._follow(Subscription(connection_id, submitted.order_id))

    async def _following(self, connection_id: str, order_id: object, after: object) -> Subscription:
        known = parse_order_id(order_id)
        following = Subscription(connection_id, known, _seq(after))
        if await self._store.order(known) is None:
            raise NotFound(orderId=known)
        return following

    async def _follow(self, following: Subscription) -> None:
        await asyncio.gather(self._registry.subscribe(following), self._ensure_relay(following.connection_id))

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
