"""The relay: brings the events of orders to the connections that follow them, in order, each once.

For every followed order there is one feed: a task that listens to the order's channel first, then reads its
events from the store, and from then on sends each follower what it has not been told yet. The doorbell only
says that there is more; when it skips a number, or a poll of the table finds more than was heard, the feed
reads the store. Who connects late is told from the same list. So nobody sees a gap or an event twice.

A relay serves one shard, under a lease, for as long as its function may run and anybody is connected.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping

from ..domain.errors import TemporarilyUnavailable
from ..domain.lifecycle import TERMINAL
from .ports import Channel, ConnectionGone, Following, Heard, Push, Store

log = logging.getLogger(__name__)

CLOSE_S = 3.0  # for the feeds to finish their round


class Feed:
    """One followed order: its events so far (the n-th has seq n), and how far each follower has been told."""

    def __init__(self, order_id: str) -> None:
        self.order_id = order_id
        self.events: list[Mapping[str, object]] = []
        self.followers: dict[str, int] = {}
        self.behind = True  # the store has, or may have, more than `events`
        self.bell = asyncio.Event()

    @property
    def is_over(self) -> bool:
        """Whether no event follows."""
        return bool(self.events) and self.events[-1]["status"] in TERMINAL

    def hear(self, event: Mapping[str, object]) -> None:
        """Take an event from the doorbell: the next, one known already, or a sign that some are missing."""
        seq = event["seq"]
        assert isinstance(seq, int)
        if seq == len(self.events) + 1:
            self.events.append(event)
        elif seq > len(self.events):
            self.behind = True
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

    async def run(self, seconds: float) -> bool:
        """Serve for at most `seconds`; whether connections are left that need another relay to take over."""
        if not await self._channel.acquire():
            return False
        duties = [asyncio.create_task(self._listen()), asyncio.create_task(self._catch_up())]
        try:
            async with asyncio.timeout(seconds):
                return await self._keep_lease()
        except TimeoutError:
            return True
        finally:
            await self._close(duties)
            await self._release()

    async def _close(self, duties: list[asyncio.Task[None]]) -> None:
        """End the feeds between two rounds, so that what was sent is also written down."""
        self._closing = True
        for feed in self._feeds.values():
            feed.bell.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_S)
        for task in (*duties, *self._tasks):
            task.cancel()
        await asyncio.gather(*duties, *self._tasks, return_exceptions=True)

    async def _keep_lease(self) -> bool:
        """Renew the lease until it is lost or nobody is connected."""
        loop = asyncio.get_running_loop()
        needed = loop.time()
        while loop.time() - needed < self._idle:
            await asyncio.sleep(self._lease / 3)
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
        async for heard in self._channel.heard():
            try:
                async with self._turn:
                    await self._take(heard)
            except TemporarilyUnavailable as error:
                self._out_of_step = True  # the next poll makes up for it
                log.warning("the registry can't be read: %s", error)
            except Exception:  # nothing that is said on the doorbell may make the relay deaf
                self._out_of_step = True
                log.exception("heard %r", heard)

    async def _take(self, heard: Heard) -> None:
        if heard.event is not None:
            feed = self._feeds.get(str(heard.event["orderId"]))
            if feed is not None:
                feed.hear(heard.event)
        if heard.follow is not None:
            following = await self._channel.following(*heard.follow)
            if following is not None:  # else it has ended already, or was taken back
                self._follow(following)
        if heard.unfollow is not None:
            connection_id, order_id = heard.unfollow
            self._drop(connection_id, self._feeds.get(order_id))
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
            Following(connection_id, feed.order_id, told)
            for feed in self._feeds.values()
            for connection_id, told in feed.followers.items()
        ]
        for following in await self._channel.followings():
            self._follow(following)
        await self._channel.restore(known)

    def _follow(self, following: Following) -> None:
        feed = self._feeds.get(following.order_id)
        if feed is None:
            feed = self._feeds[following.order_id] = Feed(following.order_id)
            task = asyncio.create_task(self._serve(feed))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if feed.is_over:
            feed.behind = True  # to make sure: the order may have been redriven unheard
        feed.followers.setdefault(following.connection_id, following.after)
        feed.bell.set()

    def _drop(self, connection_id: str, feed: Feed | None) -> None:
        if feed is not None and feed.followers.pop(connection_id, None) is not None:
            feed.bell.set()

    def _forget(self, connection_id: str) -> None:
        for feed in self._feeds.values():
            self._drop(connection_id, feed)

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
        await self._channel.listen(feed.order_id)
        while feed.followers and not self._closing:
            feed.bell.clear()
            try:
                await self._round(feed)
            except TemporarilyUnavailable as error:
                log.warning("order %s is told later: %s", feed.order_id, error)
                feed.behind = True  # the next poll rings
            if feed.followers and not self._closing:
                await feed.bell.wait()
        del self._feeds[feed.order_id]
        await self._channel.ignore(feed.order_id)

    async def _round(self, feed: Feed) -> None:
        """Read what is missing and tell every follower. Raises TemporarilyUnavailable."""
        if feed.behind:
            feed.behind = False
            events = await self._store.events(feed.order_id, len(feed.events))
            feed.events += [event.to_wire() for event in events if event.seq > len(feed.events)]
        results = await asyncio.gather(
            *(self._tell(feed, connection_id) for connection_id in [*feed.followers]), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _tell(self, feed: Feed, connection_id: str) -> None:
        """Send the follower what it has not been told, and write down how far that is."""
        before = feed.followers[connection_id]
        try:
            await self._send(feed, connection_id)
        except ConnectionGone:
            self._forget(connection_id)
            await self._channel.forget(connection_id)
            return
        except Exception as error:
            log.warning("connection %s is told later: %r", connection_id, error)
            feed.behind = True  # the next poll rings
        told = feed.followers.get(connection_id)
        if told is None:
            return
        if feed.is_over and told >= len(feed.events):
            await self._channel.ended(connection_id, feed.order_id)
            feed.followers.pop(connection_id, None)
        elif told > before:
            await self._channel.told([Following(connection_id, feed.order_id, told)])

    async def _send(self, feed: Feed, connection_id: str) -> None:
        """Send the events that follow the last one told, for as long as the follower stays."""
        told = feed.followers[connection_id]
        for event in feed.events[told:]:
            await self._push.send(connection_id, json.dumps(event))
            if feed.followers.get(connection_id) != told:
                return  # it left meanwhile, or came back to be told from elsewhere
            told = feed.followers[connection_id] = told + 1
