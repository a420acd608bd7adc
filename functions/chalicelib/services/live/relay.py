"""The relay: brings the events of orders to the connections that follow them, in order, each once.

For every followed order there is one feed: a task that listens to the order's channel first, then reads its
events from the store. A notification only says that there is more; when it skips a number, or a poll of
the table finds more, the feed reads the store. Each subscriber has a task of its own, which sends it
what it has not been told yet, from the feed's one list: so nobody sees a gap or an event twice, who connects
late sees all, and nobody waits for a client that is slow.

A relay serves one shard, under a lease, for as long as its function may run and anybody is connected.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Coroutine, Mapping
from typing import Any

from ...domain.errors import TemporarilyUnavailable
from ...domain.lifecycle import TERMINAL
from ...ports.live import Channel, ConnectionGone, Notification, Push, Subscription
from ...ports.store import Store

log = logging.getLogger(__name__)

CLOSE_S = 3.0  # for the feeds to finish their round
CANCEL_AGAIN_S = 0.5


class Subscriber:
    """A connection that follows an order, and how far it has been told."""

    def __init__(self, following: Subscription) -> None:
        self.connection_id = following.connection_id
        self.told = following.after
        self.bell = asyncio.Event()
        self.gone = False


class Feed:
    """One followed order: its events so far (the n-th has seq n), and who follows it."""

    def __init__(self, order_id: str) -> None:
        self.order_id = order_id
        self.events: list[Mapping[str, object]] = []
        self.subscribers: dict[str, Subscriber] = {}
        self._texts: dict[int, str] = {}
        self.behind = True  # the store has, or may have, more than `events`
        self.bell = asyncio.Event()

    @property
    def is_over(self) -> bool:
        """Whether no event follows, as far as is known."""
        return not self.behind and bool(self.events) and self.events[-1]["status"] in TERMINAL

    def text(self, index: int) -> str:
        """The event at `index` as JSON, made once for all who get it."""
        text = self._texts.get(index)
        if text is None:
            text = self._texts[index] = json.dumps(self.events[index])
        return text

    def hear(self, event: Mapping[str, object]) -> None:
        """Take an event from the doorbell: the next, one known already, or a sign that some are missing."""
        seq = event["seq"]
        assert isinstance(seq, int)
        if seq == len(self.events) + 1:
            self.events.append(event)
        elif seq > len(self.events):
            self.behind = True
        self.bell.set()

    def drop(self, connection_id: str) -> None:
        """Let a subscriber go; its task ends by itself."""
        subscriber = self.subscribers.pop(connection_id, None)
        if subscriber is not None:
            subscriber.gone = True
            subscriber.bell.set()
            self.bell.set()


class Relay:
    """Serves the shard of `channel`; `lease` and `poll` in seconds."""

    def __init__(
        self, channel: Channel, store: Store, push: Push, *, lease: float, poll: float, idle: float
    ) -> None:
        self._channel = channel
        self._store = store
        self._push = push
        self._lease = lease
        self._poll = poll
        self._idle = idle
        self._feeds: dict[str, Feed] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()  # one change of who follows what at a time, in the order they were heard
        self._out_of_step = False  # with the registry: a change was heard and could not be followed
        self._closing = False
        self._progress = asyncio.Event()  # a subscriber was sent something, or is served no more

    async def run(self, seconds: float) -> bool:
        """Serve for at most `seconds`; whether connections are left that need another relay to take over."""
        if not await self._channel.acquire():
            return False
        duties = [asyncio.create_task(self._listen()), asyncio.create_task(self._catch_up())]
        try:
            return await self._keep_lease(asyncio.get_running_loop().time() + seconds)
        finally:
            await self._close(duties)
            await self._release()

    async def caught_up(self) -> None:
        """Return once every event that is stored by now has been sent to those who follow its order.

        It may wait for a client that does not read, so its caller sets a limit.
        Raises TemporarilyUnavailable.
        """
        seqs = await self._store.last_seqs(tuple(self._feeds)) if self._feeds else {}
        while any(self._lags(order_id, seq) for order_id, seq in seqs.items()):
            self._progress.clear()
            await self._progress.wait()

    def _lags(self, order_id: str, seq: int) -> bool:
        feed = self._feeds.get(order_id)
        if feed is None:
            return False
        if seq > len(feed.events):  # what was published may have been missed
            feed.behind = True
            feed.bell.set()
        return any(subscriber.told < seq for subscriber in feed.subscribers.values())

    async def _close(self, duties: list[asyncio.Task[None]]) -> None:
        """End the feeds between two rounds, so that what was sent is also written down."""
        self._closing = True
        for feed in self._feeds.values():
            feed.bell.set()  # which rings its subscribers' bells
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_S)
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._channel.settled()
        except TimeoutError:
            log.warning("how far clients were told is not stored; the next relay may tell them again")
        left: set[asyncio.Task[None]] = {*duties, *self._tasks}
        while left:  # a library may lose a cancellation that meets a time-out of its own
            for task in left:
                task.cancel()
            _, left = await asyncio.wait(left, timeout=CANCEL_AGAIN_S)

    async def _keep_lease(self, until: float) -> bool:
        """Renew the lease until it is lost, nobody is connected or time is up; whether another is needed.

        No renewal is broken off, as it might still reach Redis after the release.
        """
        loop = asyncio.get_running_loop()
        needed = loop.time()
        while loop.time() - needed < self._idle:
            await asyncio.sleep(max(0.0, min(self._lease / 3, until - loop.time())))
            if loop.time() >= until:
                return True
            try:
                if not await self._channel.acquire():
                    log.warning("another relay has taken over")
                    return False
                if await self._channel.connections() or self._feeds:
                    needed = loop.time()
            except TemporarilyUnavailable as error:
                needed = loop.time()  # for all that is known
                log.warning("the lease can't be renewed: %s", error)
        await self._release()
        try:
            return bool(await self._channel.connections())  # one may have come while the lease was still held
        except TemporarilyUnavailable:
            return False  # the schedule starts a relay where there is a connection

    async def _release(self) -> None:
        try:
            await self._channel.release()
        except TemporarilyUnavailable as error:
            log.warning("the lease is left to expire: %s", error)

    async def _listen(self) -> None:
        async for heard in self._channel.notifications():
            try:
                async with self._turn:
                    await self._take(heard)
            except TemporarilyUnavailable as error:
                self._out_of_step = True  # the next poll makes up for it
                log.warning("the registry can't be read: %s", error)
            except Exception:  # nothing that is said on the doorbell may make the relay deaf
                self._out_of_step = True
                log.exception("heard %r", heard)

    async def _take(self, heard: Notification) -> None:
        if heard.event is not None:
            feed = self._feeds.get(str(heard.event["orderId"]))
            if feed is not None:
                feed.hear(heard.event)
        if heard.subscribe is not None:
            self._follow(heard.subscribe)
        if heard.unsubscribe is not None:
            connection_id, order_id = heard.unsubscribe
            feed = self._feeds.get(order_id)
            if feed is not None:
                feed.drop(connection_id)
        if heard.disconnect is not None:
            self._forget(heard.disconnect)
        if heard.missed:
            await self._resume()

    async def _resume(self) -> None:
        """After a silence, and at the start: read the store anew, and agree with the registry.

        What the registry knows and the relay does not is followed; what the relay knows is written down
        again, in case the registry was emptied.
        """
        if not await self._channel.acquire():
            return  # it is another relay's shard by now
        for feed in self._feeds.values():
            feed.behind = True
            feed.bell.set()
        known = [
            Subscription(subscriber.connection_id, feed.order_id, subscriber.told)
            for feed in self._feeds.values()
            for subscriber in feed.subscribers.values()
        ]
        for following in await self._channel.subscriptions():
            self._follow(following)
        await self._channel.restore(known)

    def _follow(self, following: Subscription) -> None:
        feed = self._feeds.get(following.order_id)
        if feed is None:
            feed = self._feeds[following.order_id] = Feed(following.order_id)
            self._spawn(self._serve(feed))
        if feed.is_over:
            feed.behind = True  # to make sure: the order may have been redriven unheard
        if following.connection_id not in feed.subscribers:
            subscriber = feed.subscribers[following.connection_id] = Subscriber(following)
            self._spawn(self._tell(feed, subscriber))
            feed.bell.set()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._progress.set()

    def _forget(self, connection_id: str) -> None:
        for feed in self._feeds.values():
            feed.drop(connection_id)

    async def _catch_up(self) -> None:
        """Find, every `poll` seconds, the orders that have more events than were heard of."""
        while True:
            await asyncio.sleep(self._poll)
            try:
                if self._out_of_step:
                    async with self._turn:
                        await self._resume()
                        self._out_of_step = False
                seqs = await self._store.last_seqs(tuple(self._feeds)) if self._feeds else {}
            except TemporarilyUnavailable as error:
                log.warning("the relay can't catch up: %s", error)
                continue
            for order_id, seq in seqs.items():
                feed = self._feeds.get(order_id)
                if feed is not None and (seq > len(feed.events) or feed.behind):
                    feed.behind = True
                    feed.bell.set()

    async def _serve(self, feed: Feed) -> None:
        """Keep the feed's list complete, and ring its subscribers' bells."""
        await self._channel.listen(feed.order_id)
        while feed.subscribers and not self._closing:
            feed.bell.clear()
            if feed.behind:
                await self._read(feed)
            for subscriber in feed.subscribers.values():
                subscriber.bell.set()
            await feed.bell.wait()
        del self._feeds[feed.order_id]
        for subscriber in feed.subscribers.values():  # there are some only when the relay closes
            subscriber.bell.set()
        await self._channel.unlisten(feed.order_id)

    async def _read(self, feed: Feed) -> None:
        feed.behind = False
        try:
            events = await self._store.events(feed.order_id, len(feed.events))
        except Exception as error:
            log.warning("order %s is told later: %r", feed.order_id, error)
            feed.behind = True  # the next poll rings
            return
        feed.events += [event.to_wire() for event in events if event.seq > len(feed.events)]

    async def _tell(self, feed: Feed, subscriber: Subscriber) -> None:
        """Send the subscriber each event once, write down how far that is, and end with the last one."""
        while not (subscriber.gone or self._closing):
            await subscriber.bell.wait()
            subscriber.bell.clear()
            try:
                if await self._tell_more(feed, subscriber):
                    feed.drop(subscriber.connection_id)
            except ConnectionGone:
                self._forget(subscriber.connection_id)
                await self._forget_for_good(subscriber.connection_id)
            except Exception as error:
                log.warning("connection %s is told later: %r", subscriber.connection_id, error)
                feed.behind = True  # the next poll rings

    async def _tell_more(self, feed: Feed, subscriber: Subscriber) -> bool:
        """Send what the subscriber has not been told; whether that was all there will ever be."""
        before = subscriber.told
        try:
            while subscriber.told < len(feed.events) and not subscriber.gone:
                await self._push.send(subscriber.connection_id, feed.text(subscriber.told))
                subscriber.told += 1
        finally:
            self._progress.set()
            if subscriber.told > before and not subscriber.gone:
                self._channel.save_position(
                    Subscription(subscriber.connection_id, feed.order_id, subscriber.told)
                )
        if subscriber.gone or not feed.is_over or subscriber.told < len(feed.events):
            return False
        await self._channel.remove_subscription(subscriber.connection_id, feed.order_id)
        return True

    async def _forget_for_good(self, connection_id: str) -> None:
        try:
            await self._channel.remove_connection(connection_id)
        except TemporarilyUnavailable as error:
            log.warning("connection %s is forgotten later: %s", connection_id, error)
