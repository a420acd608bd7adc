"""The engine's ports as small real implementations in memory, for tests of the use cases.

They keep the promises of `services/ports.py` and `venues/venue.py`; the contract tests in `tests/integration`
hold the store, the registry and the relay's channel to the same tests as their real counterparts. What can go
wrong out there is done on request: a server that is away, a swap that is dropped, a doorbell that is silent.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from chalicelib import runtime
from chalicelib.config import Config
from chalicelib.domain.errors import (
    AttemptFailed,
    BlockhashExpired,
    ClaimLost,
    IdempotencyConflict,
    LimitReached,
    TemporarilyUnavailable,
)
from chalicelib.domain.lifecycle import NEXT, TERMINAL, Status
from chalicelib.domain.order import Event, Order, Terms
from chalicelib.domain.routing import Quote
from chalicelib.domain.tokens import Token
from chalicelib.services.ports import (
    Claim,
    ConnectionGone,
    DeadLetter,
    DeadLetterSummary,
    Following,
    Heard,
    Held,
    NewOrder,
    Transition,
)
from chalicelib.venues.venue import Landed, ProgramError, SignedTransaction, Swap, TransactionStatus

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEPT = ("dex", "quoted_out", "minimum_out", "amount_out", "tx_hash")


async def eventually(condition: Callable[[], Any], within: float = 5.0) -> Any:
    """What `condition` gives once it is true; it may be a coroutine function."""
    async with asyncio.timeout(within):
        while True:
            found = condition()
            if isinstance(found, Awaitable):
                found = await found
            if found:
                return found
            await asyncio.sleep(0.002)


class Crash(BaseException):
    """The process dies: nobody catches this."""


class Fuse:
    """Burns at the `at`-th call through it (from 1 on), before the call or, with `after`, once it is done."""

    def __init__(self, at: int, *, after: bool = False) -> None:
        self.left = at
        self.after = after

    @property
    def burnt(self) -> bool:
        return self.left <= 0

    def through(self, port: Any) -> Any:
        """`port`, with every call going through this fuse."""
        return _Fused(port, self)


class _Fused:
    def __init__(self, port: Any, fuse: Fuse) -> None:
        self._port = port
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found):
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            self._fuse.left -= 1
            burns = self._fuse.left == 0
            if burns and not self._fuse.after:
                raise Crash(name)
            result = found(*arguments, **named)
            if not burns:
                return result
            if not isinstance(result, Awaitable):
                raise Crash(name)
            return _crash_after(result, name)

        return call


async def _crash_after(call: Awaitable[Any], name: str) -> None:
    await call
    raise Crash(name)


class Away:
    """A server that can be away."""

    away = False
    looks = 0  # how often it was asked
    refused = 0  # how often while it was away

    def _reach(self) -> None:
        self.looks += 1
        if self.away:
            self.refused += 1
            raise TemporarilyUnavailable("It is away.")

    async def check(self) -> None:
        self._reach()


@dataclass
class Row:
    """What the table `orders` holds of an order."""

    order: Order
    due_at: datetime
    fence: int = 0
    lease_until: datetime | None = None
    transaction: SignedTransaction | None = None
    client: str = ""
    redrives: int = 0


@dataclass
class Key:
    """What the table `idempotency_keys` holds of a key."""

    order_id: str
    terms: Terms
    expires_at: datetime
    replayed: bool = False


class MemoryStore(Away):
    """`services.ports.Store`; time goes on only by `pass_time`, and each change takes a microsecond."""

    def __init__(
        self,
        *,
        lease_ms: int = 45_000,
        sweep_after_ms: int = 60_000,
        key_ttl_s: int = 86_400,
        max_outstanding: int = 10_000,
    ) -> None:
        self.rows: dict[str, Row] = {}
        self.log: dict[str, list[Event]] = {}
        self.keys: dict[str, Key] = {}
        self.withdrawn: set[str] = set()
        self.reads = 0
        self._lease = timedelta(milliseconds=lease_ms)
        self._sweep_after = timedelta(milliseconds=sweep_after_ms)
        self._key_ttl = timedelta(seconds=key_ttl_s)
        self._max_outstanding = max_outstanding
        self._now = datetime(2026, 1, 1, tzinfo=UTC)

    async def pass_time(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    async def create(self, new: NewOrder) -> Event | Order:
        self._reach()
        now = self._tick()
        key = self.keys.get(new.key) if new.key else None
        if key is not None and key.expires_at >= now:
            key.replayed = True
            if key.terms != new.terms:
                raise IdempotencyConflict(orderId=key.order_id)
            return self.rows[key.order_id].order
        if self._outstanding(new.client) >= self._max_outstanding:
            raise LimitReached(code="TOO_MANY_ORDERS", limit=self._max_outstanding)
        if new.key:
            self.keys[new.key] = Key(new.id, new.terms, now + self._key_ttl)
        order = Order(new.id, new.terms, Status.PENDING, 1, 0, now, now, client_order_id=new.key)
        self.rows[new.id] = Row(order, due_at=now, client=new.client)
        self.log[new.id] = []
        return self._move(self.rows[new.id], Status.PENDING, new.terms.to_wire())

    async def withdraw(self, order_id: str) -> bool:
        self._reach()
        row = self.rows.get(order_id)
        told = any(key.replayed for key in self.keys.values() if key.order_id == order_id)
        if row is None or row.fence or row.order.status is not Status.PENDING or told:
            return False
        del self.rows[order_id], self.log[order_id]
        self.withdrawn.add(order_id)
        self.keys = {name: key for name, key in self.keys.items() if key.order_id != order_id}
        return True

    async def was_withdrawn(self, order_id: str) -> bool:
        self._reach()
        return order_id in self.withdrawn

    async def redrive(self, order_id: str) -> Event | None:
        self._reach()
        row = self.rows.get(order_id)
        if row is None or row.order.status is not Status.FAILED:
            return None
        row.order = replace(row.order, attempt=1, error=None, code=None)
        row.redrives += 1
        row.transaction, row.due_at = None, self._tick()
        return self._move(row, Status.PENDING, {"redriven": row.redrives})

    async def forget_expired_keys(self) -> None:
        self._reach()
        self.keys = {name: key for name, key in self.keys.items() if key.expires_at >= self._now}

    async def claim(self, order_id: str) -> Claim | Held | Order | None:
        self._reach()
        row, now = self.rows.get(order_id), self._tick()
        if row is None:
            return None
        if row.order.is_terminal:
            return row.order
        if row.lease_until is not None and row.lease_until >= now:
            return Held(int((row.lease_until - now).total_seconds() * 1000))
        resumed = row.order.status is not Status.PENDING
        row.fence += 1
        row.lease_until = row.due_at = now + self._lease
        if not resumed:
            self._move(row, Status.ROUTING, {})
        return Claim(row.order, row.fence, resumed, row.transaction)

    async def record(self, transition: Transition) -> Event:
        self._reach()
        row = self._held(transition.order_id, transition.fence)
        if transition.status not in NEXT[row.order.status]:
            raise ClaimLost
        found = asdict(transition)
        kept = {name: found[name] for name in KEPT if found[name] is not None}
        row.order = replace(row.order, error=transition.error, code=transition.code, **kept)
        row.lease_until = row.due_at = self._tick() + self._lease
        if transition.status in TERMINAL:
            row.lease_until = None
        if transition.retry_in_ms is not None:
            row.order = replace(row.order, attempt=row.order.attempt + 1)
            row.lease_until, row.transaction = None, None
            row.due_at = self._now + timedelta(milliseconds=transition.retry_in_ms)
        return self._move(row, transition.status, transition.detail)

    async def keep_transaction(self, claim: Claim, transaction: SignedTransaction) -> None:
        self._reach()
        self._held(claim.order.id, claim.fence).transaction = transaction

    async def release(self, claim: Claim, due_in_ms: int) -> None:
        self._reach()
        row = self._held(claim.order.id, claim.fence)
        row.lease_until, row.due_at = None, self._tick() + timedelta(milliseconds=due_in_ms)

    async def order(self, order_id: str) -> Order | None:
        self._reach()
        row = self.rows.get(order_id)
        return row.order if row else None

    async def orders(
        self, limit: int, before: tuple[datetime, str] | None, status: Status | None
    ) -> list[Order]:
        self._reach()
        found = sorted((row.order for row in self.rows.values()), key=_age, reverse=True)
        return [
            order
            for order in found
            if (status is None or order.status is status) and (before is None or _age(order) < before)
        ][:limit]

    async def events(self, order_id: str, after: int = 0) -> list[Event]:
        self._reach()
        self.reads += 1
        return [event for event in self.log.get(order_id, []) if event.seq > after]

    async def last_seqs(self, order_ids: Collection[str]) -> dict[str, int]:
        self._reach()
        return {order_id: self.rows[order_id].order.seq for order_id in order_ids if order_id in self.rows}

    async def take_overdue(self, limit: int) -> list[str]:
        self._reach()
        overdue = sorted(
            (row.due_at, order_id)
            for order_id, row in self.rows.items()
            if not row.order.is_terminal and row.due_at < self._now - self._sweep_after
        )[:limit]
        for _, order_id in overdue:
            self.rows[order_id].due_at = self._now + self._sweep_after
        return [order_id for _, order_id in overdue]

    def append(self, order_id: str, status: Status, **detail: object) -> Event:
        """The next event of an order, whoever works on it: for tests of those who watch."""
        return self._move(self.rows[order_id], status, detail)

    def _outstanding(self, client: str) -> int:
        return sum(row.client == client and not row.order.is_terminal for row in self.rows.values())

    def _held(self, order_id: str, fence: int) -> Row:
        row = self.rows[order_id]
        if row.fence != fence or row.order.is_terminal:
            raise ClaimLost
        return row

    def _move(self, row: Row, status: Status, detail: Mapping[str, object]) -> Event:
        order = replace(row.order, status=status, seq=row.order.seq + 1, updated_at=self._tick())
        row.order = order
        event = Event(
            order.id, order.seq, status, order.attempt, order.updated_at, json.loads(json.dumps(detail))
        )
        self.log[order.id].append(event)
        return event

    def _tick(self) -> datetime:
        self._now += timedelta(microseconds=1)
        return self._now


def _age(order: Order) -> tuple[datetime, str]:
    return order.created_at, order.id


class MemoryQueue(Away):
    """`services.ports.Queue`: what was sent, and what is to come again when."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.retries: list[tuple[str, int]] = []

    async def send(self, order_id: str) -> None:
        self._reach()
        self.sent.append(order_id)

    async def retry_in(self, receipt: str, delay_ms: int) -> None:
        self._reach()
        self.retries.append((receipt, delay_ms))


class MemoryDeadLetters(Away):
    """`services.ports.DeadLetters`, three to a page; what was read stays hidden until it is given back."""

    def __init__(self) -> None:
        self.letters: dict[str, DeadLetter] = {}
        self.hidden: set[str] = set()
        self._numbers = itertools.count(1)

    def put(self, body: str, order_id: str | None = None, *, age_s: float = 0.0) -> DeadLetter:
        """A new letter, with an id of its own."""
        name = f"message-{next(self._numbers)}"
        letter = DeadLetter(name, f"receipt-{name}", body, order_id, NOW - timedelta(seconds=age_s))
        self.letters[name] = letter
        return letter

    async def pages(self) -> AsyncIterator[list[DeadLetter]]:
        while True:
            self._reach()
            page = [letter for name, letter in self.letters.items() if name not in self.hidden][:3]
            if not page:
                return
            self.hidden |= {letter.message_id for letter in page}
            yield page

    async def give_back(self, letters: Sequence[DeadLetter]) -> None:
        self._reach()
        self.hidden -= {letter.message_id for letter in letters}

    async def delete(self, letters: Sequence[DeadLetter]) -> None:
        self._reach()
        for letter in letters:
            self.letters.pop(letter.message_id, None)
            self.hidden.discard(letter.message_id)

    async def summary(self) -> DeadLetterSummary:
        self._reach()
        ages = [(NOW - letter.sent_at).total_seconds() for letter in self.letters.values()]
        return DeadLetterSummary(len(ages), max(ages, default=None))


class MemoryVenue:
    """`venues.venue.Venue`: gives `script`'s answers in turn, then always `amount_out`.

    An answer is an amount, an exception to raise, or None: no answer at all.
    """

    def __init__(self, name: str, amount_out: int = 100_000_000, *, impact_bps: int = 1) -> None:
        self.name = name
        self.amount_out = amount_out
        self.impact_bps = impact_bps
        self.script: deque[int | Exception | None] = deque()
        self.always: Exception | None = None
        self.asked = 0

    async def quote(self, token_in: Token, token_out: Token, amount_in: int) -> Quote:
        self.asked += 1
        answer = self.script.popleft() if self.script else self.always or self.amount_out
        if answer is None:
            await asyncio.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        return Quote(self.name, token_in, token_out, amount_in, int(answer or 0), 30, self.impact_bps)

    async def build(self, quote: Quote, minimum_out: int) -> Swap:
        return Swap(self.name, quote.token_in, quote.token_out, quote.amount_in, minimum_out)


class MemorySigner:
    """`venues.venue.Signer` that never gives the same signature twice, so that a second signing shows."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def sign(self, swap: Swap, memo: str, blockhash: str, last_valid_block_height: int) -> SignedTransaction:
        raw = json.dumps({"memo": memo, "minimum_out": swap.minimum_out}).encode()
        return SignedTransaction(f"signature-{next(self._numbers)}", raw, last_valid_block_height)


class MemoryChain:
    """`venues.venue.Chain`. A block comes with every look at the height, and a blockhash lives for `lives`.

    `script` says what becomes of the next sends: `"land"` (as do all after them), `"drop"`, `"lose reply"`
    (it landed, and the sender is not told), `"refuse"` (a fault that says nothing of its fate), an
    AttemptFailed it fails with on chain, or `"hang"`: it lands when `settle()` is called, if it still can.
    While `height_known` is cleared, nobody gets a blockhash.
    """

    def __init__(self, *, lives: int = 30) -> None:
        self.height = 1
        self.lives = lives
        self.sent: list[SignedTransaction] = []
        self.statuses: dict[str, TransactionStatus] = {}
        self.swaps: defaultdict[str, list[str]] = defaultdict(list)  # memo → signatures that landed
        self.script: deque[str | AttemptFailed] = deque()
        self.hanging: dict[str, SignedTransaction] = {}
        self.away = False
        self.height_known = asyncio.Event()
        self.height_known.set()

    async def latest_blockhash(self) -> tuple[str, int]:
        self._reach()
        await self.height_known.wait()
        return f"blockhash-{self.height}", self.height + self.lives

    async def block_height(self) -> int:
        self._reach()
        self.height += 1
        return self.height

    async def send(self, transaction: SignedTransaction) -> str:
        self._reach()
        if self.height > transaction.last_valid_block_height:
            raise BlockhashExpired
        self.sent.append(transaction)
        fate = self.script.popleft() if self.script else "land"
        if isinstance(fate, AttemptFailed):
            self.statuses.setdefault(transaction.signature, ProgramError(self.height, fate))
        elif fate in ("land", "lose reply"):
            self._land(transaction)
        elif fate == "hang":
            self.hanging[transaction.signature] = transaction
        if fate == "lose reply":
            raise TimeoutError
        if fate == "refuse":
            raise AttemptFailed("The node does not want it.")
        return transaction.signature

    async def status(self, signature: str) -> TransactionStatus:
        self._reach()
        return self.statuses.get(signature)

    def settle(self) -> None:
        """Whatever hangs lands now, unless its blockhash has expired."""
        for transaction in self.hanging.values():
            if self.height <= transaction.last_valid_block_height:
                self._land(transaction)
        self.hanging.clear()

    def _land(self, transaction: SignedTransaction) -> None:
        if transaction.signature not in self.statuses:
            message = json.loads(transaction.raw)
            self.statuses[transaction.signature] = Landed(self.height, message["minimum_out"])
            self.swaps[message["memo"]].append(transaction.signature)

    def _reach(self) -> None:
        if self.away:
            raise OSError("no route to the chain")


class Redis(Away):
    """What the doorbell, the registry and the relays' channels share.

    `rings` says how often an event is heard: once, or 0 (lost), or 2. `cut()` breaks every subscription.
    """

    def __init__(self) -> None:
        self.connections: defaultdict[int, set[str]] = defaultdict(set)
        self.clients: defaultdict[str, set[str]] = defaultdict(set)
        self.followings: defaultdict[int, dict[tuple[str, str], int]] = defaultdict(dict)
        self.leases: dict[int, str] = {}
        self.ears: set[MemoryChannel] = set()
        self.rings: Callable[[Event], int] = lambda event: 1

    def forget(self, shard: int, connection_id: str) -> None:
        self.connections[shard].discard(connection_id)
        for connections in self.clients.values():
            connections.discard(connection_id)
        for key in [*self.followings[shard]]:
            if key[0] == connection_id:
                del self.followings[shard][key]

    def control(self, shard: int, heard: Heard) -> None:
        for ear in self.ears:
            if ear.shard == shard:
                ear.heard_queue.put_nowait(heard)

    def cut(self) -> None:
        for ear in self.ears:
            ear.heard_queue.put_nowait(Heard(missed=True))

    def flush(self) -> None:
        """As an empty server after a restart: the subscriptions are made anew."""
        self.connections.clear()
        self.clients.clear()
        self.followings.clear()
        self.leases.clear()
        self.cut()


class MemoryEvents(Away):
    """`services.ports.Events`: keeps what was published and tells the channels that listen."""

    def __init__(self, redis: Redis | None = None) -> None:
        self.redis = redis or Redis()
        self.published: list[Event] = []

    async def publish(self, event: Event) -> None:
        self.published.append(event)
        if self.away or self.redis.away:
            return
        for ear in self.redis.ears:
            if event.order_id in ear.listening:
                for _ in range(self.redis.rings(event)):
                    ear.heard_queue.put_nowait(Heard(event=json.loads(json.dumps(event.to_wire()))))


class MemoryRegistry:
    """`services.ports.Registry`."""

    def __init__(
        self,
        redis: Redis,
        *,
        shards: int = 1,
        sockets_per_client: int = 2000,
        followings_per_socket: int = 5000,
    ) -> None:
        self._redis = redis
        self._shards = shards
        self._sockets_per_client = sockets_per_client
        self._followings_per_socket = followings_per_socket

    def shard(self, connection_id: str) -> int:
        return sum(connection_id.encode()) % self._shards

    async def connect(self, connection_id: str, client: str) -> None:
        self._redis._reach()
        if len(self._redis.clients[client]) >= self._sockets_per_client:
            raise LimitReached(code="TOO_MANY_CONNECTIONS", limit=self._sockets_per_client)
        self._redis.clients[client].add(connection_id)
        self._redis.connections[self.shard(connection_id)].add(connection_id)

    async def reserve(self, following: Following) -> None:
        self._redis._reach()
        connection_id, order_id = following.connection_id, following.order_id
        known, most = self._redis.followings[self.shard(connection_id)], self._followings_per_socket
        followed = sum(key[0] == connection_id for key in known)
        if (connection_id, order_id) not in known and followed >= most:
            raise LimitReached(code="TOO_MANY_SUBSCRIPTIONS", limit=most, orderId=order_id)
        known.setdefault((connection_id, order_id), following.after)

    async def follow(self, following: Following) -> None:
        await self.reserve(following)
        key = following.connection_id, following.order_id
        self._redis.control(self.shard(following.connection_id), Heard(follow=key))

    async def unfollow(self, connection_id: str, order_id: str) -> None:
        self._redis._reach()
        shard, key = self.shard(connection_id), (connection_id, order_id)
        self._redis.followings[shard].pop(key, None)
        self._redis.control(shard, Heard(unfollow=key))

    async def disconnect(self, connection_id: str, client: str) -> None:
        self._redis._reach()
        self._redis.clients[client].discard(connection_id)
        self._redis.forget(self.shard(connection_id), connection_id)
        self._redis.control(self.shard(connection_id), Heard(disconnect=connection_id))

    async def knows(self, connection_id: str) -> bool:
        self._redis._reach()
        return connection_id in self._redis.connections[self.shard(connection_id)]

    async def has_relay(self, connection_id: str) -> bool:
        self._redis._reach()
        return self.shard(connection_id) in self._redis.leases

    async def idle_shards(self) -> list[int]:
        self._redis._reach()
        busy = (shard for shard, connections in self._redis.connections.items() if connections)
        return sorted(shard for shard in busy if shard not in self._redis.leases)


class MemoryChannel:
    """`services.ports.Channel`; a lease lasts until it is released or taken by `Redis.leases`."""

    def __init__(self, redis: Redis, shard: int, fence: str) -> None:
        self._redis = redis
        self.shard = shard
        self.fence = fence
        self.listening: set[str] = set()
        self.heard_queue: asyncio.Queue[Heard] = asyncio.Queue()

    async def acquire(self) -> bool:
        self._redis._reach()
        return self._redis.leases.setdefault(self.shard, self.fence) == self.fence

    async def release(self) -> None:
        self._redis._reach()
        if self._redis.leases.get(self.shard) == self.fence:
            del self._redis.leases[self.shard]

    async def followings(self) -> list[Following]:
        self._redis._reach()
        return [Following(*key, after) for key, after in self._redis.followings[self.shard].items()]

    async def following(self, connection_id: str, order_id: str) -> Following | None:
        self._redis._reach()
        after = self._redis.followings[self.shard].get((connection_id, order_id))
        return None if after is None else Following(connection_id, order_id, after)

    async def connections(self) -> int:
        self._redis._reach()
        return len(self._redis.connections[self.shard])

    async def forget(self, connection_id: str) -> None:
        self._redis._reach()
        self._redis.forget(self.shard, connection_id)

    async def listen(self, order_id: str) -> None:
        self.listening.add(order_id)

    async def ignore(self, order_id: str) -> None:
        self.listening.discard(order_id)

    async def heard(self) -> AsyncIterator[Heard]:
        self._redis.ears.add(self)
        try:
            yield Heard(missed=True)
            while True:
                yield await self.heard_queue.get()
        finally:
            self._redis.ears.discard(self)

    async def told(self, followings: Sequence[Following]) -> None:
        known = self._mine()
        for item in followings:
            if (item.connection_id, item.order_id) in known:
                known[item.connection_id, item.order_id] = item.after

    async def restore(self, followings: Sequence[Following]) -> None:
        known = self._mine()
        for item in followings:
            if self._redis.leases.get(self.shard) == self.fence:
                self._redis.connections[self.shard].add(item.connection_id)
            known.setdefault((item.connection_id, item.order_id), item.after)

    async def ended(self, connection_id: str, order_id: str) -> None:
        self._mine().pop((connection_id, order_id), None)

    def _mine(self) -> dict[tuple[str, str], int]:
        """The shard's followings while the lease is held, else what nobody reads."""
        self._redis._reach()
        held = self._redis.leases.get(self.shard) == self.fence
        return self._redis.followings[self.shard] if held else {}


class MemoryPush:
    """`services.ports.Push`: what every client received; those in `gone` are not there any more."""

    def __init__(self) -> None:
        self.frames: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self.gone: set[str] = set()
        self.faults: deque[Exception] = deque()
        self.closed: list[str] = []

    async def send(self, connection_id: str, text: str) -> None:
        await asyncio.sleep(0)  # others get their turn, as with any socket
        if connection_id in self.gone:
            raise ConnectionGone(connection_id)
        if self.faults:
            raise self.faults.popleft()
        self.frames[connection_id].append(json.loads(text))

    async def close(self, connection_id: str, reason: str) -> None:
        self.closed.append(connection_id)

    def seqs(self, connection_id: str, order_id: str | None = None) -> list[int]:
        """The seqs of the events that the client received, in the order they came."""
        events = [frame for frame in self.frames[connection_id] if "seq" in frame]
        return [event["seq"] for event in events if order_id in (None, event["orderId"])]


class MemoryLauncher:
    """`services.ports.RelayLauncher`: the shards it was asked for."""

    def __init__(self) -> None:
        self.launched: list[int] = []

    async def launch(self, shard: int) -> None:
        self.launched.append(shard)


class MemoryMetrics:
    """`services.ports.Metrics`: what was counted."""

    def __init__(self) -> None:
        self.confirmed_after_ms: list[float] = []
        self.failures = 0
        self.without_relay: list[int] = []

    def confirmed(self, after_ms: float) -> None:
        self.confirmed_after_ms.append(after_ms)

    def failed(self) -> None:
        self.failures += 1

    def shards_without_relay(self, count: int) -> None:
        self.without_relay.append(count)


class MemoryEngine:
    """A real `Runtime` whose servers are all in memory, on a loop of its own; current while it is open."""

    def __init__(self, **settings: Any) -> None:
        self.redis = Redis()
        config = self._config = Config(**settings)
        self.store = MemoryStore(
            key_ttl_s=config.idempotency_ttl_s, max_outstanding=config.max_outstanding_orders
        )
        self.registry = MemoryRegistry(
            self.redis,
            sockets_per_client=config.max_sockets_per_client,
            followings_per_socket=config.max_subscriptions,
        )
        self.queue, self.events = MemoryQueue(), MemoryEvents(self.redis)
        self.dead_letters = MemoryDeadLetters()
        self.push, self.launcher = MemoryPush(), MemoryLauncher()
        self.raydium, self.meteora = MemoryVenue("raydium", 150_000_000), MemoryVenue("meteora", 151_000_000)
        self.chain = MemoryChain()

    def __enter__(self) -> MemoryEngine:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        engine = runtime.start(self._config, loop=self._loop, push=self.push, launcher=self.launcher)
        venues = {venue.name: venue for venue in (self.raydium, self.meteora)}
        vars(engine).update(
            store=self.store,
            queue=self.queue,
            events=self.events,
            dead_letters=self.dead_letters,
            registry=self.registry,
            world=SimpleNamespace(venues=venues, chain=self.chain, signer=MemorySigner()),
        )
        return self

    def __exit__(self, *failure: object) -> None:
        asyncio.run_coroutine_threadsafe(runtime.stop(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()
