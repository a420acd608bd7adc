"""A relay: serves one shard's connections under a lease, for as long as its function may run.

    acquire the lease ─┬─ listen     notifications → feeds, subscriptions, removed connections
                       ├─ catch up   every `poll` seconds: what no notification has brought,
                       │             and connections whose API key has ended
                       └─ renew the lease, until time is up, the lease is lost or no connection is left

For every order with a subscriber there is one `Feed`. The order's channel is subscribed first and its events
are read from the store after that, so a late subscriber sees every event and none falls in between.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from ...domain.errors import EngineError, TemporarilyUnavailable, Unauthenticated
from ...domain.events import Event
from ...ports.keys import Keys
from ...ports.live import Channel, ConnectionGone, EventMessage, Notification, Push, Subscription
from ...ports.store import Store
from .feed import Feed, Subscriber

log = logging.getLogger(__name__)

KEY_ENDED = "The API key of this connection has expired or was revoked."
CLOSE_S = 3.0  # for the sends under way, and then for the positions that are not stored yet
CANCEL_AGAIN_S = 0.5
CAUGHT_UP_PAUSE_S = 0.02


class Relay:
    """Serves the shard of `channel`; `render` gives an event as its message.

    `lease`, `poll` and `idle` in seconds. `keys` is None where connections need no API key; `refusal` gives
    an error as a message.
    """

    def __init__(
        self,
        channel: Channel,
        store: Store,
        push: Push,
        render: Callable[[Event], EventMessage],
        *,
        lease: float,
        poll: float,
        idle: float,
        keys: Keys | None = None,
        refusal: Callable[[EngineError], str] = str,
    ) -> None:
        self._channel = channel
        self._store = store
        self._push = push
        self._render = render
        self._lease = lease
        self._poll = poll
        self._idle = idle
        self._keys = keys
        self._refusal = refusal
        self._feeds: dict[str, Feed] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._changing = asyncio.Lock()  # changes of subscriptions are applied one at a time, as they arrive
        self._out_of_sync = False  # a change was missed or not applied: read the registry at the next poll
        self._change = 0  # the number of the last subscription that is known here
        self._change_at_poll = 0  # of the last one in the registry, at the last poll
        self._closing = False
        self._progress = asyncio.Event()  # something was delivered, or a task has ended

    async def run(self, seconds: float) -> bool:
        """Serve for at most `seconds`; True if connections are left that need the next relay."""
        if not await self._channel.acquire():
            return False
        duties = [asyncio.create_task(self._listen()), asyncio.create_task(self._catch_up())]
        try:
            return await self._keep_lease(asyncio.get_running_loop().time() + seconds)
        finally:
            await self._close(duties)
            await self._release()

    async def caught_up(self) -> None:
        """Return once every event stored by now has been delivered to the subscribers of its order.

        This may wait for a client that does not read, so the caller sets a limit.
        Raises TemporarilyUnavailable.
        """
        seqs = await self._store.last_seqs(tuple(self._feeds)) if self._feeds else {}
        while any(self._is_lagging(order_id, seq) for order_id, seq in seqs.items()):
            self._progress.clear()
            await self._progress.wait()
            await asyncio.sleep(
                CAUGHT_UP_PAUSE_S
            )  # a store or a client that fails at once is not asked at once

    def _is_lagging(self, order_id: str, seq: int) -> bool:
        feed = self._feeds.get(order_id)
        if feed is None:
            return False
        if feed.stale or not feed.has_all(seq):  # a notification was missed, or a read or a send has failed
            feed.refresh()
        return not feed.delivered(seq)

    # --- The lease ---

    async def _keep_lease(self, until: float) -> bool:
        """Renew the lease until it is lost, time is up or no connection is left; True if one is needed."""
        # Invariants:
        # - Renewals start lease/3 apart, so that one or two may fail before the lease expires.
        # - A renewal that is refused means that another relay holds the lease: this one returns at once. The
        #   release that follows deletes only a lease with this relay's own fence.
        # - While Redis is unavailable the holder of the lease is unknown. The relay goes on: its writes are
        #   fenced by the lease, so the worst that can happen is an event delivered twice, with the same seq.
        # - The time is checked between renewals, and no renewal is cancelled for it: one still under way
        #   could reach Redis after the release and hold the shard for a relay that no longer runs.
        # - An idle relay releases first and counts connections last: a client that connected before the
        #   release saw a relay and started none, so it has to be counted here.
        loop = asyncio.get_running_loop()
        needed = loop.time()
        while loop.time() - needed < self._idle:
            await asyncio.sleep(max(0.0, min(self._lease / 3, until - loop.time())))
            if loop.time() >= until:
                return True
            try:
                if not await self._channel.acquire():
                    log.warning("relay: lease lost to another relay, stopping shard=%d", self._channel.shard)
                    return False
                if await self._channel.connections() or self._feeds:
                    needed = loop.time()
            except TemporarilyUnavailable as error:
                needed = loop.time()  # there may be connections
                log.warning(
                    "relay: cannot renew lease, retrying shard=%d error=%r", self._channel.shard, error
                )
        await self._release()
        try:
            return bool(await self._channel.connections())
        except TemporarilyUnavailable:
            return False  # the schedule starts a relay if there are any

    async def _release(self) -> None:
        try:
            await self._channel.release()
        except TemporarilyUnavailable as error:
            log.warning(
                "relay: cannot release lease, leaving it to expire shard=%d error=%r",
                self._channel.shard,
                error,
            )

    async def _close(self, duties: list[asyncio.Task[None]]) -> None:
        """Stop the feeds between two sends, and store the position of every subscriber."""
        self._closing = True
        for feed in self._feeds.values():
            feed.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_S)
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._channel.settled()
        except TimeoutError:
            log.warning(
                "relay: positions not stored, the next relay may deliver events again shard=%d",
                self._channel.shard,
            )
        left: set[asyncio.Task[None]] = {*duties, *self._tasks}
        while left:  # a library may lose a cancellation that meets a time-out of its own
            for task in left:
                task.cancel()
            _, left = await asyncio.wait(left, timeout=CANCEL_AGAIN_S)

    # --- Listening ---

    async def _listen(self) -> None:
        async for notification in self._channel.notifications():
            try:
                async with self._changing:
                    await self._apply(notification)
            except TemporarilyUnavailable as error:
                self._out_of_sync = True
                log.warning(
                    "relay: cannot read registry, retrying at next poll shard=%d error=%r",
                    self._channel.shard,
                    error,
                )
            except Exception:  # no message that anyone can publish may end the relay
                self._out_of_sync = True
                log.exception(
                    "relay: cannot apply notification shard=%d notification=%r",
                    self._channel.shard,
                    notification,
                )

    async def _apply(self, notification: Notification) -> None:
        if notification.event is not None:
            feed = self._feeds.get(notification.event.order_id)
            if feed is not None:
                feed.add_event(notification.event)
        if notification.subscribe is not None:
            self._subscribe(notification.subscribe)
            self._note(notification.change)
        if notification.unsubscribe is not None:
            connection_id, order_id = notification.unsubscribe
            feed = self._feeds.get(order_id)
            if feed is not None:
                feed.unsubscribe(connection_id)
        if notification.disconnect is not None:
            self._disconnect(notification.disconnect)
        if notification.missed:
            await self._synchronise()

    def _note(self, change: int | None) -> None:
        """Notice that a subscription before this one has not been notified."""
        if change is not None and change > self._change:
            self._out_of_sync |= change > self._change + 1
            self._change = change

    def _subscribe(self, subscription: Subscription) -> None:
        if self._closing:
            return  # it is stored: the next relay serves it
        feed = self._feeds.get(subscription.order_id)
        if feed is None:
            feed = Feed(
                subscription.order_id,
                self._channel,
                self._store,
                self._push,
                self._render,
                self._progress.set,
            )
            self._feeds[subscription.order_id] = feed
            self._spawn(self._serve(feed))
        subscriber = feed.subscribe(subscription)
        if subscriber is not None:
            self._spawn(self._deliver(feed, subscriber))

    def _disconnect(self, connection_id: str) -> None:
        for feed in self._feeds.values():
            feed.unsubscribe(connection_id)

    async def _serve(self, feed: Feed) -> None:
        await self._channel.listen(feed.order_id)
        await feed.run()
        del self._feeds[feed.order_id]
        await self._channel.unlisten(feed.order_id)

    async def _deliver(self, feed: Feed, subscriber: Subscriber) -> None:
        connection_id = subscriber.connection_id
        try:
            await feed.deliver(subscriber)
        except ConnectionGone:
            self._disconnect(connection_id)
            try:
                await self._channel.remove_connection(connection_id)
            except TemporarilyUnavailable as error:
                log.warning("relay: cannot remove connection connection=%s error=%r", connection_id, error)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._progress.set()

    # --- Catching up ---

    async def _catch_up(self) -> None:
        """Find, every `poll` seconds, the events and subscriptions that no notification has brought."""
        while True:
            await asyncio.sleep(self._poll)
            # each may be away without the others
            for read in (self._read_store, self._read_registry, self._close_ended):
                try:
                    await read()
                except TemporarilyUnavailable as error:
                    log.warning(
                        "relay: cannot catch up, retrying at next poll shard=%d error=%r",
                        self._channel.shard,
                        error,
                    )

    async def _read_store(self) -> None:
        seqs = await self._store.last_seqs(tuple(self._feeds)) if self._feeds else {}
        for order_id, seq in seqs.items():
            feed = self._feeds.get(order_id)
            if feed is not None and (feed.stale or not feed.has_all(seq)):
                feed.refresh()

    async def _read_registry(self) -> None:
        if await self._is_out_of_sync():
            async with self._changing:
                await self._synchronise()
                self._out_of_sync = False

    async def _close_ended(self) -> None:
        """Close the connections whose API key has expired or was revoked.

        The reason is sent before, as API Gateway closes with none and a code of its own.
        """
        connections = await self._channel.keys() if self._keys is not None else {}
        if self._keys is None or not connections:
            return
        ended = await self._keys.over({*connections.values()})
        for connection_id, key_id in connections.items():
            if key_id in ended:
                self._disconnect(connection_id)
                with suppress(ConnectionGone, TemporarilyUnavailable):  # it is closed in any case
                    await self._push.send(connection_id, self._refusal(Unauthenticated(KEY_ENDED)))
                await self._push.close(connection_id, KEY_ENDED)
                await self._channel.remove_connection(connection_id)

    async def _is_out_of_sync(self) -> bool:
        """Whether the registry has a subscription that no notification has brought, or has lost its data.

        A subscription may be notified just now, so it counts as missed at the second poll.
        """
        known, published = self._change, self._change_at_poll
        self._change_at_poll = await self._channel.changes()
        return self._out_of_sync or known < published or self._change_at_poll < known

    async def _synchronise(self) -> None:
        """Read every feed's events again, and reconcile the subscriptions with the registry.

        What only the registry has is served from now on. What only the relay has is stored again, in case the
        registry has lost its data.
        """
        for feed in self._feeds.values():
            feed.refresh()  # this needs the store alone
        if not await self._channel.acquire():
            return  # another relay serves the shard
        known = [
            Subscription(subscriber.connection_id, feed.order_id, subscriber.delivered_seq)
            for feed in self._feeds.values()
            for subscriber in feed.subscribers.values()
        ]
        self._change = await self._channel.changes()
        for subscription in await self._channel.subscriptions():
            self._subscribe(subscription)
        await self._channel.restore(known)
