"""What clients are answered, as JSON: orders, quotes, health, errors, and messages on a connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from ...domain.errors import EngineError
from ...domain.order import Order
from ...domain.routing import minimum_received
from ...domain.terms import Terms, executed_price
from ...domain.tokens import Token, all_tokens, plain
from ...services.live.messages import Answer, Cancelled, Pong, Subscribed, Unsubscribed
from ...services.submission import Submitted
from . import schemas
from .events import event_object, quotes, terms, timestamp
from .quote_ids import Promise, quote_id
from .requests import EPOCH
from .routes import explained, jupiter, single_venue

if TYPE_CHECKING:
    from ...domain.events import Event
    from ...domain.keys import ApiKey
    from ...domain.launch import Launch
    from ...services.health import Health
    from ...services.keys import NewKey
    from ...services.orders import OrderWithEvents
    from ...services.quoting import Quoted

DOCS = "docs"  # the page, below the address of the API
ENDPOINTS = {
    "submit": f"POST {schemas.SUBMIT_PATH}",
    "follow": f"GET {schemas.SUBMIT_PATH}?orderId={{orderId}} (WebSocket)",
    "order": "GET /api/orders/{orderId}",
    "orders": "GET /api/orders",
    "batch": "POST /api/orders/batch",
    "cancel": "DELETE /api/orders/{orderId}",
    "cancelAll": "DELETE /api/orders",
    "ticket": "POST /api/tickets",
    "tokens": "GET /api/tokens",
    "prices": "GET /api/prices?tokenIn=SOL&tokenOut=USDC",
    "engine": "GET /api/engine",
    "deadLetters": "GET /api/dead-letters",
    "redrive": "POST /api/dead-letters/redrive",
    "quote": "GET /api/quote?tokenIn=SOL&tokenOut=USDC&amount=1",
    "health": "GET /health",
    "openapi": "GET /openapi.json",
    "asyncapi": "GET /asyncapi.json",
    "docs": "GET /docs",
}


def index() -> schemas.Index:
    """What this is and where to go."""
    return schemas.Index(
        name="order-engine",
        description="Market, limit, stop and sniper orders, routed and settled.",
        endpoints=ENDPOINTS,
    )


def websocket_address(base: str, order_id: str | None, ticket: str | None = None) -> str:
    """Where an order's events are streamed, or any order's if none is given."""
    given = {"orderId": order_id, "ticket": ticket}
    query = "&".join(f"{name}={value}" for name, value in given.items() if value is not None)
    return f"{base}?{query}" if query else base


def submitted(answer: Submitted, websocket: str) -> schemas.Submitted:
    """The answer to a submit."""
    return schemas.Submitted(
        order_id=answer.order_id,
        status=answer.status,
        websocket=websocket,
    )


def order(of: Order) -> schemas.Order:
    """An order."""
    return schemas.Order(**_order_fields(of))  # type: ignore[arg-type]


def order_with_events(found: OrderWithEvents, websocket: str) -> schemas.OrderWithEvents:
    """An order with its events."""
    return schemas.OrderWithEvents(
        **_order_fields(found.order),  # type: ignore[arg-type]
        websocket=websocket,
        events=[event_object(event) for event in found.events],
        **explained(found.events),  # type: ignore[arg-type]
    )


def batch(results: Sequence[Submitted | EngineError], websockets: Mapping[str, str]) -> schemas.BatchResults:
    """What each order of a batch is answered; `websockets` are the addresses of their events."""
    return schemas.BatchResults(
        results=[
            msgspec.to_builtins(
                error(result)
                if isinstance(result, EngineError)
                else _submitted(result, websockets[result.order_id])
            )
            for result in results
        ]
    )


def cancelled(order_ids: list[str]) -> schemas.CancelledOrders:
    """The orders that were cancelled."""
    return schemas.CancelledOrders(cancelled=order_ids)


def tokens(launches: Sequence[Launch] = ()) -> schemas.TokenList:
    """The tokens that are traded; of those that were launched since, the newest first."""
    listed = [
        schemas.Token(symbol=token.symbol, mint=token.mint, decimals=token.decimals, tradable=True)
        for token in all_tokens()
    ]
    known = {token.mint for token in listed}
    first = {of.mint: of for of in launches if of.mint not in known}  # the last of a mint: its earliest pool
    return schemas.TokenList(
        tokens=listed
        + [
            schemas.Token(
                symbol=launch.symbol,
                mint=launch.mint,
                decimals=launch.decimals,
                tradable=True,
                opened_at=timestamp(launch.opens_at),
            )
            for launch in first.values()
        ]
    )


def page(orders: Sequence[Order], limit: int) -> schemas.Page:
    """A page of at most `limit` orders; more are the sign that there is a next one."""
    shown = orders[:limit]
    return schemas.Page(
        orders=[order(of) for of in shown],
        next=_cursor_after(shown[-1]) if len(orders) > limit else None,
    )


def quote(of: Terms, quoted: Quoted, ttl_ms: int) -> schemas.VenueQuotes:
    """Every venue's quote for these terms, which a submit may name for `ttl_ms`."""
    shown, chosen = terms(of), quoted.chosen
    expires_at = datetime.now(UTC) + timedelta(milliseconds=ttl_ms)
    minimum_out = minimum_received(chosen.amount_out, of, quoted.slippage_bps)
    return schemas.VenueQuotes(
        token_in=shown.token_in,
        token_out=shown.token_out,
        amount=shown.amount,
        slippage_bps=of.slippage_bps if quoted.slippage_bps is None else quoted.slippage_bps,
        chosen=chosen.venue,
        amount_out=of.token_out.text(chosen.amount_out),
        minimum_out=of.token_out.text(minimum_out),
        quotes=quotes(quoted.answers),
        max_price_impact_bps=of.max_price_impact_bps,
        dexes=shown.dexes,
        refusal=None if quoted.refusal is None else error(quoted.refusal),
        best_single=single_venue(quoted.answers),
        quote_id=quote_id(of.token_in, of.token_out, of.amount_in, Promise(minimum_out, expires_at)),
        expires_at=timestamp(expires_at),
        **jupiter(chosen, minimum_out),  # type: ignore[arg-type]
    )


def health(found: Health) -> schemas.Health:
    """Whether the servers answer."""
    counted = found.dead_letters
    dead_letters = None
    if counted is not None:
        oldest_s = None if counted.oldest_s is None else round(counted.oldest_s, 1)
        dead_letters = schemas.DeadLetterCount(count=counted.count, oldest_seconds=oldest_s)
    return schemas.Health(
        status="ok" if found.ok else "degraded",
        **{name: "ok" if answers else "unavailable" for name, answers in found.servers.items()},
        dead_letters=dead_letters,
        timestamp=timestamp(datetime.now(UTC)),
    )


def verdict(found: Health) -> schemas.Verdict:
    """Whether all is well, and no more."""
    return schemas.Verdict(status="ok" if found.ok else "degraded")


def ticket(websocket: str, ttl_ms: int) -> schemas.Ticket:
    """The address of a WebSocket with a ticket in it."""
    expires_at = datetime.now(UTC) + timedelta(milliseconds=ttl_ms)
    return schemas.Ticket(websocket=websocket, expires_at=timestamp(expires_at))


def new_key(made: NewKey) -> schemas.ApiKey:
    """A key that was just made, whole."""
    found = _api_key(made.key)
    found.key = made.text
    return found


def keys(found: Sequence[ApiKey]) -> schemas.ApiKeys:
    """Keys without what makes them valid."""
    return schemas.ApiKeys(keys=[_api_key(key) for key in found])


def _api_key(of: ApiKey) -> schemas.ApiKey:
    def at(moment: datetime | None) -> str | None:
        return None if moment is None else timestamp(moment)

    return schemas.ApiKey(
        id=of.id,
        prefix=of.prefix,
        account=of.account.id,
        name=of.name,
        scopes=sorted(of.scopes),
        created_at=timestamp(of.created_at),
        expires_at=at(of.expires_at),
        revoked_at=at(of.revoked_at),
        last_used_at=at(of.last_used_at),
    )


def error(of: EngineError) -> schemas.Error:
    """A refusal, or why something failed."""
    docs = f"{DOCS}#{of.code}"
    return schemas.Error(error=str(of), code=of.code, docs=docs, **of.details)  # type: ignore[arg-type]


def message(
    answer: Answer | EngineError, websocket_url: str, echo: Mapping[str, object] = MappingProxyType({})
) -> str:
    """The answer to a message on a connection, as text; `echo` is what it repeats of the message."""
    match answer:
        case EngineError():
            found: schemas.Object = error(answer)
        case Submitted():
            found = _submitted(answer, websocket_address(websocket_url, answer.order_id))
        case Subscribed(order_id, after):
            found = schemas.Subscribed(action="subscribed", order_id=order_id, after=after)
        case Unsubscribed(order_id):
            found = schemas.Unsubscribed(action="unsubscribed", order_id=order_id)
        case Cancelled(order_id):
            found = schemas.CancelledOne(action="cancelled", order_id=order_id)
        case Pong():
            found = schemas.Pong(action="pong")
    return msgspec.json.encode({**msgspec.to_builtins(found), **echo}).decode()


def text(answer: schemas.Object) -> str:
    """An object as JSON."""
    return msgspec.json.encode(answer).decode()


def event_list(events: Sequence[Event]) -> list[dict[str, object]]:
    """Events as clients get them."""
    return [event_object(event) for event in events]


def _submitted(answer: Submitted, websocket: str) -> schemas.Submitted:
    """The answer to a submit where no status of HTTP says whether it is a replay."""
    found = submitted(answer, websocket)
    found.replayed = answer.replayed
    return found


def _order_fields(of: Order) -> dict[str, object]:
    minimum_out = of.terms.floor_out if of.minimum_out is None else of.minimum_out
    filled = None if of.amount_out is None else plain(executed_price(of.terms, of.amount_out))
    return {
        "order_id": of.id,
        "client_order_id": of.client_order_id,
        "status": of.status,
        "attempt": of.attempt,
        **{name: getattr(terms(of.terms), name) for name in schemas.Terms.__struct_fields__},
        "dex": of.venue,
        "quoted_out": _money(of.terms.token_out, of.quoted_out),
        "minimum_out": _money(of.terms.token_out, minimum_out),
        "amount_out": _money(of.terms.token_out, of.amount_out),
        "executed_price": filled,
        "tx_hash": of.signature,
        "error": of.error,
        "code": of.code,
        "created_at": timestamp(of.created_at),
        "updated_at": timestamp(of.updated_at),
    }


def _money(token: Token, base_units: int | None) -> str | None:
    return None if base_units is None else token.text(base_units)


def _cursor_after(order: Order) -> str:
    return f"{(order.created_at - EPOCH) // timedelta(microseconds=1)}-{order.id}"
