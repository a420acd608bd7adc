"""What operators are shown, as JSON: the engine at a glance, dead letters; and prices, for a chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import ROUND_DOWN, Context, Decimal
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from ...domain.errors import EngineError, InvalidRequest
from ...domain.lifecycle import Status as OrderStatus
from ...domain.tokens import Token, plain
from .answers import error
from .events import timestamp
from .requests import order_id, whole_number
from .schemas import (
    Count,
    Money,
    Object,
    OrderId,
    ServerStatus,
    Symbol,
    Timestamp,
    Venue,
)

if TYPE_CHECKING:
    from ...domain.order import Order
    from ...ports.activity import Recent
    from ...ports.queue import DeadLetter as QueueDeadLetter
    from ...ports.queue import QueueDepth
    from ...services.operations import Overview
    from ...services.redrive import Tally

MOST_LETTERS, SHOWN_LETTERS = 100, 20
MOST_PRICES, SHOWN_PRICES = 600, 120
LEAST_EVERY_MS, MOST_EVERY_MS = 100, 86_400_000
MOST_BODY = 1000  # characters of a message
ENDED = ("confirmed", "failed", "cancelled", "expired")

_SIGNIFICANT = Context(prec=12, rounding=ROUND_DOWN)  # as prices of quotes have

Milliseconds = Annotated[float, Meta(ge=0)]


class Depth(Object):
    """Messages of the queue, about."""

    waiting: Annotated[Count, Meta(description="that no worker has yet")]
    in_flight: Annotated[Count, Meta(description="that workers have")]
    delayed: Annotated[Count, Meta(description="that wait for their next attempt")]


class Percentiles(Object):
    """Of times in ms."""

    p50: Milliseconds
    p90: Milliseconds
    p99: Milliseconds


class RecentOrders(Object):
    """What has become of the orders that were submitted lately."""

    seconds: Annotated[Count, Meta(description="how long ago the oldest may be")]
    submitted: Count
    confirmed: Annotated[Count, Meta(description="how many of them are by now")]
    failed: Count
    cancelled: Count
    expired: Count
    per_second: Annotated[float, Meta(description="of them that are confirmed, by second", ge=0)]
    confirm_ms: Annotated[
        Percentiles | None, Meta(description="from submit to the fill, of market orders; null if none")
    ]
    step_ms: Annotated[dict[str, Milliseconds], Meta(description="the median that they spent in each status")]


class Engine(Object):
    """The engine at a glance; a part is null while the server that knows it does not answer."""

    status: Annotated[Literal["ok", "degraded"], Meta(description="`degraded` if a part is unavailable")]
    parts: dict[str, ServerStatus]
    queue: Depth | None
    dead_letters: Annotated[Count | None, Meta(description="how many there are")]
    orders: Annotated[
        dict[str, Count] | None,
        Meta(description="orders that have not ended, by status; counted up to 10,000 of each"),
    ]
    recent: RecentOrders | None


class DeadLetter(Object):
    """A message that was received too often."""

    message_id: str
    sent_at: Timestamp
    order_id: Annotated[OrderId | None, Meta(description="the order it names, if it names one")]
    status: Annotated[OrderStatus | None, Meta(description="where that order is")]
    body: Annotated[str, Meta(description="the message, or its beginning")]
    error: Annotated[str | None, Meta(description="why the order failed")] = None
    code: Annotated[str | None, Meta(description="its code")] = None


class DeadLetterList(Object):
    """Dead letters, oldest first."""

    dead_letters: list[DeadLetter]
    total: Annotated[Count, Meta(description="how many there are")]


class RedriveRequest(Object, forbid_unknown_fields=True):
    """Which orders get a new set of attempts."""

    order_ids: Annotated[list[OrderId], Meta(min_length=1, max_length=MOST_LETTERS)]


class Redriven(Object):
    """What has become of an order that was to be redriven."""

    order_id: OrderId
    redriven: bool
    reason: Annotated[str | None, Meta(description="why not, if not")] = None


class RedriveResults(Object):
    """For each order, in their order."""

    results: list[Redriven]


class VenuePrices(Object):
    """A venue's prices, oldest first, `tokenOut` per `tokenIn`; or why there are none."""

    prices: list[Money] | None = None
    error: str | None = None
    code: str | None = None


class Prices(Object):
    """Each venue's prices of a pair, at the same instants."""

    token_in: Symbol
    token_out: Symbol
    every_ms: Count
    at: Annotated[Timestamp, Meta(description="of the newest")]
    venues: dict[Venue, VenuePrices]


def engine(found: Overview) -> Engine:
    """The engine at a glance."""
    letters = found.health.dead_letters
    return Engine(
        status="ok" if found.health.ok else "degraded",
        parts={name: "ok" if answers else "unavailable" for name, answers in found.health.servers.items()},
        queue=None if found.depth is None else _depth(found.depth),
        dead_letters=None if letters is None else letters.count,
        orders=None if found.under_way is None else {str(status): n for status, n in found.under_way.items()},
        recent=None if found.recent is None else _recent(found.recent),
    )


def dead_letters(found: Sequence[tuple[QueueDeadLetter, Order | None]], total: int) -> DeadLetterList:
    """Some of the dead letters, with their orders, and the number of all."""
    return DeadLetterList(dead_letters=[_dead_letter(letter, order) for letter, order in found], total=total)


def redriven(order_ids: Sequence[str], tally: Tally) -> RedriveResults:
    """What has become of each order."""
    return RedriveResults(results=[_redriven(order_id, tally) for order_id in order_ids])


def prices(
    pair: tuple[Token, Token],
    every_ms: int,
    at: datetime,
    found: Mapping[str, Sequence[Decimal] | EngineError],
) -> Prices:
    """Each venue's prices."""
    return Prices(
        token_in=pair[0].symbol,
        token_out=pair[1].symbol,
        every_ms=every_ms,
        at=timestamp(at),
        venues={name: _venue_prices(answer) for name, answer in found.items()},
    )


def redrive_request(body: Mapping[str, object]) -> list[str]:
    """The orders that are to be redriven. Raises InvalidRequest."""
    given = body.get("orderIds")
    if not (isinstance(given, list) and 1 <= len(given) <= MOST_LETTERS) or body.keys() != {"orderIds"}:
        raise InvalidRequest(
            f'The body is {{"orderIds": [...]}} with 1 to {MOST_LETTERS} ids.', code="INVALID_PARAMETER"
        )
    return list(dict.fromkeys(order_id(one) for one in given))


def letters_limit(query: Mapping[str, str]) -> int:
    """How many dead letters are asked for. Raises InvalidRequest."""
    return whole_number(query, "limit", least=1, most=MOST_LETTERS, default=SHOWN_LETTERS)


def prices_request(query: Mapping[str, str]) -> tuple[int, int]:
    """The milliseconds between two prices, and how many are asked for. Raises InvalidRequest."""
    every_ms = whole_number(query, "everyMs", least=LEAST_EVERY_MS, most=MOST_EVERY_MS, default=1000)
    return every_ms, whole_number(query, "count", least=1, most=MOST_PRICES, default=SHOWN_PRICES)


def _depth(depth: QueueDepth) -> Depth:
    return Depth(waiting=depth.waiting, in_flight=depth.in_flight, delayed=depth.delayed)


def _recent(recent: Recent) -> RecentOrders:
    ended = {status: recent.orders.get(OrderStatus(status), 0) for status in ENDED}
    times = recent.confirm_ms
    return RecentOrders(
        seconds=recent.seconds,
        submitted=sum(recent.orders.values()),
        **ended,
        per_second=round(ended["confirmed"] / recent.seconds, 2),
        confirm_ms=None if times is None else Percentiles(*(round(ms, 1) for ms in times)),
        step_ms={str(status): round(ms, 1) for status, ms in recent.step_ms.items()},
    )


def _dead_letter(letter: QueueDeadLetter, order: Order | None) -> DeadLetter:
    found = DeadLetter(
        message_id=letter.message_id,
        sent_at=timestamp(letter.sent_at),
        order_id=letter.order_id,
        status=None,
        body=letter.body[:MOST_BODY],
    )
    if order is not None:
        found.status, found.error, found.code = order.status, order.error, order.code
    return found


def _redriven(order_id: str, tally: Tally) -> Redriven:
    if order_id in tally.redriven:
        return Redriven(order_id=order_id, redriven=True)
    if order_id in tally.unknown:
        reason = "There is no such order."
    elif order_id in tally.again:
        reason = "It has failed again meanwhile."
    else:
        reason = f"It is {tally.dropped[order_id]}." if order_id in tally.dropped else "It has not failed."
    return Redriven(order_id=order_id, redriven=False, reason=reason)


def _venue_prices(answer: Sequence[Decimal] | EngineError) -> VenuePrices:
    if isinstance(answer, EngineError):
        refusal = error(answer)
        return VenuePrices(error=refusal.error, code=refusal.code)
    return VenuePrices(prices=[plain(_SIGNIFICANT.plus(price)) for price in answer])
