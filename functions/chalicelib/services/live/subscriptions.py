"""Requests on a client's connection: connect, subscribe, unsubscribe, ping, submit or cancel
an order.

    change the registry → answer on the connection → request a relay if its shard has none

Events are not sent from here: the registry notifies the relay of the connection's shard, which delivers them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ...domain.account import OPEN_CALLER, Access, Scope
from ...domain.errors import EngineError, NotFound
from ...ports.live import Push, Registry, ShardLauncher, Subscription
from ..authentication import Authentication
from ..cancellation import Cancellation
from ..limits import Limits
from ..orders import Orders
from ..submission import Submission
from .messages import (
    Answer,
    Cancel,
    Cancelled,
    Ping,
    Pong,
    Request,
    Submit,
    Subscribe,
    Subscribed,
    Unsubscribe,
    Unsubscribed,
)
from .supervisor import request_relay

REGISTRY_WAIT_S = 0.1  # what a submit waits to know that its connection is registered
OPEN = Access(OPEN_CALLER)
CONNECTION_NOT_REGISTERED = "the engine has lost track of this connection: connect again, with after"


class Subscriptions:
    """The client's side of the WebSocket API; `render` gives an answer as the text to send.

    `authentication` is None of an engine that is open; what a connection may do is then not asked.
    `limits` is None where messages are not limited.
    """

    def __init__(
        self,
        orders: Orders,
        registry: Registry,
        push: Push,
        launcher: ShardLauncher,
        submission: Submission,
        cancellation: Cancellation,
        render: Callable[[Answer | EngineError], str],
        authentication: Authentication | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._orders = orders
        self._registry = registry
        self._push = push
        self._launcher = launcher
        self._submission = submission
        self._cancellation = cancellation
        self._render = render
        self._authentication = authentication
        self._limits = limits

    async def connect(
        self, access: Access, connection_id: str, client: str, subscription: Subscribe | None
    ) -> None:
        """Register the connection, and subscribe it to an order if one is given.

        Raises Forbidden, NotFound, LimitReached, TemporarilyUnavailable.
        """
        if subscription is not None:
            await self._require(access, subscription.order_id)
        await self._registry.connect(connection_id, client, access if self._authentication else None)
        if subscription is not None:
            await self._subscribe(Subscription(connection_id, subscription.order_id, subscription.after))
        else:
            await self._ensure_relay(connection_id)

    async def message(self, connection_id: str, client: str, request: Request | EngineError) -> None:
        """Do what the client requests and answer on the connection; an error is an answer too.

        A connection missing from the registry has lost its subscriptions, and the relay may not know them
        either. It is closed, so that its client connects again with the last seq it has seen. A submit does
        not depend on the registry: where that is away or silent, the order is stored and answered first.
        Raises ConnectionGone.
        """
        try:
            access = await self._access(connection_id, request)
            if access is None:
                await self._push.close(connection_id, CONNECTION_NOT_REGISTERED)
            elif isinstance(request, EngineError):
                await self.answer(connection_id, request)
            else:
                await self._act(access, connection_id, client, request)
        except EngineError as error:
            await self.answer(connection_id, error)

    async def _access(self, connection_id: str, request: Request | EngineError) -> Access | None:
        """What the connection may do; None if it is not registered. Raises Unauthenticated, TooFast.

        A message counts as a request of its account, and one too many gets no further than Redis. Only an
        open engine takes a submit from a connection that may be missing.
        """
        if self._authentication is not None:
            access = await self._registry.access(connection_id)
            if access is not None:
                if self._limits is not None:
                    await self._limits.take_of(access.caller.account)
                await self._authentication.check(access)
            return access
        registered = asyncio.ensure_future(self._registry.is_registered(connection_id))
        if not isinstance(request, Submit):
            return OPEN if await registered else None
        await asyncio.wait([registered], timeout=REGISTRY_WAIT_S)
        if not registered.done():
            registered.cancel()
            return OPEN
        return OPEN if registered.exception() is not None or registered.result() else None

    async def _require(self, access: Access, order_id: str) -> None:
        """Return if the connection may subscribe to the order. Raises Forbidden, NotFound."""
        access.caller.require(Scope.ORDERS_READ)
        if access.order_id not in (None, order_id):
            raise NotFound(order_id=order_id)
        await self._orders.require(access.caller.account, order_id)

    async def answer(self, connection_id: str, answer: Answer | EngineError) -> None:
        """Send the client the answer to its message. Raises ConnectionGone."""
        await self._push.send(connection_id, self._render(answer))

    async def _act(self, access: Access, connection_id: str, client: str, request: Request) -> None:
        caller = access.caller
        match request:
            case Ping():
                await self.answer(connection_id, Pong())
            case Subscribe(order_id, after):
                await self._require(access, order_id)
                subscription = Subscription(connection_id, order_id, after)
                # Before the answer, so that a limit is the answer; without a notification, so that no event
                # comes before it.
                await self._registry.reserve(subscription)
                await self.answer(connection_id, Subscribed(order_id, after))
                await self._subscribe(subscription)
            case Unsubscribe(order_id):
                await self._registry.unsubscribe(connection_id, order_id)
                await self.answer(connection_id, Unsubscribed(order_id))
            case Cancel(order_id):
                caller.require(Scope.ORDERS_WRITE)
                await self._cancellation.cancel(caller.account, order_id)
                await self.answer(connection_id, Cancelled(order_id))
            case Submit(terms, key):
                caller.require(Scope.ORDERS_WRITE)
                client = caller.account.id if caller.key_id else client
                submitted = await self._submission.submit(caller.account, terms, client=client, key=key)
                await self.answer(connection_id, submitted)
                await self._subscribe(Subscription(connection_id, submitted.order_id))

    async def _subscribe(self, subscription: Subscription) -> None:
        await asyncio.gather(
            self._registry.subscribe(subscription), self._ensure_relay(subscription.connection_id)
        )

    async def _ensure_relay(self, connection_id: str) -> None:
        if not await self._registry.has_relay(connection_id):
            await request_relay(self._launcher, self._registry.shard(connection_id))
