"""Events as JSON: stored, published and streamed in one form, `{orderId, seq, status, attempt, at, …}`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import singledispatch

import msgspec

from ...domain import events
from ...domain.errors import AttemptFailed
from ...domain.events import Event, OrderEvent
from ...domain.lifecycle import TERMINAL
from ...domain.routing import Answers, Quote
from ...domain.terms import OrderType, Terms, executed_price
from ...domain.tokens import plain
from ...ports.live import EventMessage
from . import schemas
from .routes import fill, jupiter, single_venue

_head = msgspec.json.Decoder(schemas.Head)
_encode = msgspec.json.Encoder().encode


def event_detail(event: OrderEvent) -> Mapping[str, object]:
    """The content of an event, which its head does not have: what is stored in `Event.detail`."""
    detail: Mapping[str, object] = msgspec.to_builtins(_detail(event))
    return detail


def event_object(event: Event) -> dict[str, object]:
    """The flat object that a client gets."""
    head = schemas.Head(
        order_id=event.order_id,
        seq=event.seq,
        status=event.status,
        attempt=event.attempt,
        at=timestamp(event.at),
    )
    return {**msgspec.to_builtins(head), **event.detail}


def event_message(event: Event) -> EventMessage:
    """The event as text, with what a relay needs to know of it."""
    text = _encode(event_object(event)).decode()
    return EventMessage(event.order_id, event.seq, event.is_terminal, text)


def parse_event_message(text: str) -> EventMessage | None:
    """The published event in `text`, None if it is not one: any client of Redis can publish anything."""
    try:
        head = _head.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    return EventMessage(head.order_id, head.seq, head.status in TERMINAL, text)


def quotes(answers: Answers) -> dict[str, schemas.Quote | schemas.Error]:
    """Each venue's quote, or why it gave none, by venue."""
    return {name: _answer(answer) for name, answer in answers.items()}


def timestamp(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: `2026-01-31T12:00:00.000Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def terms(of: Terms) -> schemas.Terms:
    """The terms of an order."""
    return schemas.Terms(
        token_in=of.token_in.symbol,
        token_out=of.token_out.symbol,
        amount=of.token_in.text(of.amount_in),
        slippage_bps="auto" if of.slippage_is_auto else of.slippage_bps,
        max_price_impact_bps=of.max_price_impact_bps,
        minimum_out=None if of.floor_out is None else of.token_out.text(of.floor_out),
        type=of.type if of.rests else None,
        limit_price=plain(of.price) if of.price is not None and of.type is OrderType.LIMIT else None,
        stop_price=plain(of.price) if of.price is not None and of.type is OrderType.STOP else None,
        max_price=plain(of.price) if of.price is not None and of.type is OrderType.SNIPER else None,
        min_liquidity=None if of.min_liquidity is None else of.token_in.text(of.min_liquidity),
        expires_at=None if of.expires_at is None else timestamp(of.expires_at),
        dexes=None if of.venues is None else sorted(of.venues),
    )


def _answer(answer: Quote | AttemptFailed) -> schemas.Quote | schemas.Error:
    if isinstance(answer, AttemptFailed):
        return schemas.Error(error=str(answer), code=answer.code)
    return schemas.Quote(
        dex=answer.venue,
        price=plain(answer.price),
        amount_out=answer.token_out.text(answer.amount_out),
        fee=answer.token_in.text(answer.fee),
        price_impact_bps=answer.price_impact_bps,
    )


@singledispatch
def _detail(event: OrderEvent) -> schemas.Object:
    raise TypeError(f"{event!r} is not an order's event")


@_detail.register
def _(event: events.OrderAccepted) -> schemas.Object:
    return terms(event.terms)


@_detail.register
def _(event: events.OrderOpened) -> schemas.Object:
    return terms(event.terms)


@_detail.register
def _(event: events.OrderTriggered) -> schemas.Object:
    return schemas.Triggered(trigger_price=plain(event.price))


@_detail.register
def _(event: events.OrderReopened) -> schemas.Object:
    return schemas.Reopened(error=event.error, code=event.code)


@_detail.register(events.OrderCancelled)
@_detail.register(events.OrderExpired)
def _(event: OrderEvent) -> schemas.Object:
    return schemas.Withdrawn()


@_detail.register
def _(event: events.OrderRetrying) -> schemas.Object:
    return schemas.Retrying(error=event.error, code=event.code, retry_in_ms=event.retry_in_ms)


@_detail.register
def _(event: events.OrderRedriven) -> schemas.Object:
    return schemas.Redriven(redriven=event.redrives)


@_detail.register
def _(event: events.OrderRouting) -> schemas.Object:
    return schemas.Routing()


@_detail.register
def _(event: events.OrderBuilding) -> schemas.Object:
    route, quote = event.route, event.route.quote
    return schemas.Building(
        chosen=quote.venue,
        route=schemas.Route(
            dex=quote.venue,
            amount_out=quote.token_out.text(quote.amount_out),
            minimum_out=quote.token_out.text(route.minimum_out),
            price_impact_bps=quote.price_impact_bps,
        ),
        quotes=quotes(route.answers),
        slippage_bps=route.slippage_bps,
        best_single=single_venue(route.answers),
        **jupiter(quote, route.minimum_out),  # type: ignore[arg-type]
    )


@_detail.register
def _(event: events.OrderSubmitted) -> schemas.Object:
    return schemas.Sent(dex=event.venue, tx_hash=event.signature)


@_detail.register
def _(event: events.OrderConfirmed) -> schemas.Object:
    return schemas.Confirmed(
        dex=event.venue,
        tx_hash=event.signature,
        executed_price=plain(executed_price(event.terms, event.amount_out)),
        amount_out=event.terms.token_out.text(event.amount_out),
        slot=event.slot,
        fill=fill(event),
    )


@_detail.register
def _(event: events.OrderFailed) -> schemas.Object:
    return schemas.Failed(error=event.error, code=event.code, attempts=event.attempts)
