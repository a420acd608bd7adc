"""What clients send, from JSON: bodies, parameters, messages on a connection. Each error names its field."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from enum import StrEnum
from typing import Any, NoReturn, TypeVar

from ...domain.errors import InvalidRequest, TokenListed, TooLarge
from ...domain.lifecycle import Status
from ...domain.terms import (
    AUTO_SLIPPAGE,
    MAX_BASE_UNITS,
    MAX_KEY_LENGTH,
    MAX_LIFETIME,
    MAX_LIFETIME_MS,
    MAX_PRICE_DIGITS,
    MAX_PRICE_IMPACT_BPS,
    MAX_SLIPPAGE_BPS,
    OrderType,
    Terms,
    least_out,
)
from ...domain.tokens import Token, all_tokens, find_token, is_mint, listed_token, new_token
from ...services.live.messages import Cancel, Ping, Request, Submit, Subscribe, Unsubscribe
from ...services.orders import OrderFilter
from .ids import order_id as order_id  # for those who parse requests
from .quote_ids import read_quote_id
from .schemas import CURSOR, DEFAULT_LIMIT, MAX_LIMIT, MAX_VENUE_LENGTH, MAX_VENUES, MINT_PATTERN

REQUIRED = ("tokenIn", "tokenOut", "amount")
WHOLE_NUMBERS = ("slippageBps", "maxPriceImpactBps")
PRICE_FIELDS = {
    OrderType.LIMIT: "limitPrice",
    OrderType.STOP: "stopPrice",
    OrderType.SNIPER: "maxPrice",
}
LIQUIDITY_FIELD = "minLiquidity"  # of a sniper
EXPIRY_FIELDS = ("expiresAt", "expiresInMs")
VENUE_FIELDS = ("dexes", "excludeDexes")
FLOOR_FIELD = "minimumOut"  # of every type but a sniper
QUOTE_FIELDS = (*REQUIRED, *WHOLE_NUMBERS, FLOOR_FIELD, *VENUE_FIELDS)
FILTERS = ("status", "type", "tokenIn", "tokenOut", "from", "to")
QUOTE_ID_FIELD = "quoteId"
FIELDS = (*QUOTE_FIELDS, "type", *PRICE_FIELDS.values(), LIQUIDITY_FIELD, *EXPIRY_FIELDS, QUOTE_ID_FIELD)
MAX_BATCH = 100  # orders
MAX_SUPPORTED = 100  # tokens that an error names; `GET /api/tokens` has all
KEY_FIELD = "clientOrderId"
ID_FIELD = "id"  # of any message on a connection
MAX_NUMBER = 2**53 - 1  # the largest that JavaScript reads exactly
ACTIONS = ("subscribe", "unsubscribe", "cancel", "ping")
MAX_BODY_BYTES = 128 * 1024

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_CURSOR = re.compile(CURSOR, re.ASCII)
_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)
_DECIMAL = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,6})?", re.ASCII)
_MAX_DIGITS = 100  # of an amount: far more than any needs
_EXACT = Context(prec=2 * _MAX_DIGITS)


Kind = TypeVar("Kind", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a body is judged by.

    `venues` and `launched` are asked when a body names one: the venues there are, and the token that a mint
    has been launched as, if its pool is open. `max_auto_slippage_bps`: the most that the engine chooses.
    """

    default_slippage_bps: int
    venues: Callable[[], Collection[str]]
    max_auto_slippage_bps: int
    launched: Callable[[str], Token | None] = lambda mint: None


def json_object(raw: bytes) -> dict[str, object]:
    """`raw` as a JSON object whose numbers are Decimals. Raises TooLarge, InvalidRequest."""
    if len(raw) > MAX_BODY_BYTES:
        raise TooLarge(f"At most {MAX_BODY_BYTES} bytes are read.")
    if not raw.strip():
        raise InvalidRequest("The body is empty; send a JSON object.", code="EMPTY_BODY")
    try:
        value = json.loads(
            raw.decode("utf-8-sig"),  # a byte order mark may be ignored, RFC 8259 §8.1
            object_pairs_hook=_unique,
            parse_float=_number,
            parse_int=_number,
            parse_constant=_refuse_constant,
        )
    except (ValueError, RecursionError):
        raise InvalidRequest("The body is not valid JSON.", code="INVALID_JSON") from None
    if not isinstance(value, dict):
        raise InvalidRequest("The body must be a JSON object.", code="NOT_AN_OBJECT")
    return value


def order(body: Mapping[str, object], rules: Rules) -> tuple[Terms, str | None]:
    """The terms in a submit's body, and its idempotency key if it has one. Raises InvalidRequest."""
    given = {name: value for name, value in body.items() if name != KEY_FIELD}
    key = idempotency_key(body[KEY_FIELD]) if KEY_FIELD in body else None
    return terms(given, rules), key


def batch(body: Mapping[str, object]) -> list[Mapping[str, object]]:
    """The orders of a batch, each still to be judged. Raises InvalidRequest."""
    for name in body:
        if name != "orders":
            raise _unknown_field(name, ("orders",))
    found = body.get("orders")
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise InvalidRequest("orders is a list of orders.", code="INVALID_BATCH", field="orders")
    if not 1 <= len(found) <= MAX_BATCH:
        raise InvalidRequest(
            f"A batch has 1 to {MAX_BATCH} orders, and this one {len(found)}.",
            code="INVALID_BATCH",
            field="orders",
        )
    keys = [item[KEY_FIELD] for item in found if isinstance(item.get(KEY_FIELD), str)]
    if len(set(keys)) < len(keys):
        raise InvalidRequest("Two orders of the batch have the same clientOrderId.", code="INVALID_BATCH")
    return found


def terms(body: Mapping[str, object], rules: Rules, fields: Collection[str] = FIELDS) -> Terms:
    """The terms in `body`, whose numbers are Decimals. Raises InvalidRequest with the field and its code."""
    for name in body:
        if name not in fields:
            raise _unknown_field(name, fields)
    for name in REQUIRED:
        if name not in body:
            raise InvalidRequest(f"The field {name!r} is missing.", code="MISSING_FIELD", field=name)
    type = _order_type(body)
    token_in = _token(body["tokenIn"], "tokenIn", rules)
    is_sniper = type is OrderType.SNIPER
    token_out = _new_token(body["tokenOut"]) if is_sniper else _token(body["tokenOut"], "tokenOut", rules)
    if token_in.mint == token_out.mint:
        raise InvalidRequest("tokenIn and tokenOut are the same token.", code="SAME_TOKEN", field="tokenOut")
    amount_in = _base_units(body, "amount", token_in)
    _check_snipers_fields(body, is_sniper)
    limit_or_stop = _price(body, type)
    floor_out = _base_units(body, "minimumOut", token_out) if "minimumOut" in body else None
    if type is OrderType.LIMIT and limit_or_stop is not None:
        floor_out = max(floor_out or 0, _least_out(token_in, token_out, amount_in, limit_or_stop))
    quote_is_over = False
    if QUOTE_ID_FIELD in body:
        if type is not OrderType.MARKET:
            raise _wrong(
                QUOTE_ID_FIELD, f"An order of type {type} is not filled now.", code="INVALID_QUOTE_ID"
            )
        promise = read_quote_id(body[QUOTE_ID_FIELD], token_in, token_out, amount_in)
        floor_out = max(floor_out or 0, promise.minimum_out) or None
        quote_is_over = datetime.now(UTC) > promise.expires_at
    expires_at, expires_in_ms = _expiry(body)
    return Terms(
        token_in,
        token_out,
        amount_in=amount_in,
        slippage_bps=_slippage(body, rules),
        max_price_impact_bps=_bps(
            body, "maxPriceImpactBps", MAX_PRICE_IMPACT_BPS, code="INVALID_PRICE_IMPACT"
        )
        if "maxPriceImpactBps" in body
        else None,
        floor_out=floor_out,
        type=type,
        price=limit_or_stop,
        expires_at=expires_at,
        venues=_venues(body, rules),
        slippage_is_auto=body.get("slippageBps") == AUTO_SLIPPAGE,
        min_liquidity=_base_units(body, LIQUIDITY_FIELD, token_in) if LIQUIDITY_FIELD in body else None,
        slippage_is_default="slippageBps" not in body,
        expires_in_ms=expires_in_ms,
        quote_is_over=quote_is_over,
    )


def quote_terms(parameters: Mapping[str, str], rules: Rules) -> Terms:
    """The terms in a query string, where venues have commas between. Raises InvalidRequest."""
    given: dict[str, object] = dict(parameters)
    for name in VENUE_FIELDS:
        if name in parameters:
            given[name] = parameters[name].split(",")
    for name in WHOLE_NUMBERS:
        if name in given:
            text = str(given[name])
            given[name] = Decimal(text) if text.isascii() and text.isdigit() else text
    return terms(given, rules, QUOTE_FIELDS)


def idempotency_key(value: object) -> str:
    """An idempotency key: 1 to 64 printable ASCII characters. Raises InvalidRequest."""
    if isinstance(value, str) and _is_key(value):
        return value
    raise InvalidRequest(
        f"An idempotency key is a string of 1 to {MAX_KEY_LENGTH} printable ASCII characters.",
        code="INVALID_IDEMPOTENCY_KEY",
    )


def idempotency_header(given: Sequence[str]) -> str | None:
    """The key in the headers `Idempotency-Key`, None if there is none. Raises InvalidRequest.

    It is a string of RFC 8941, in quotes; bare, as most clients send it, it is the same key.
    """
    if not given:
        return None
    if len(given) > 1:
        raise InvalidRequest("Idempotency-Key is there twice.", code="INVALID_IDEMPOTENCY_KEY")
    quoted = _QUOTED.fullmatch(given[0])
    return idempotency_key(re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else given[0])


def message(body: Mapping[str, object], rules: Rules) -> Request:
    """What a client requests on its connection. Raises InvalidRequest."""
    if "action" not in body:
        given = {name: value for name, value in body.items() if name != ID_FIELD}
        return Submit(*order(given, rules))
    match body:
        case {"action": "ping"}:
            return Ping()
        case {"action": "subscribe"}:
            return subscription(body.get("orderId"), body.get("after", "0"))
        case {"action": "unsubscribe"}:
            return Unsubscribe(order_id(body.get("orderId")))
        case {"action": "cancel"}:
            return Cancel(order_id(body.get("orderId")))
    raise InvalidRequest(f"action is one of {', '.join(ACTIONS)}.", code="UNKNOWN_ACTION")


def correlation(body: Mapping[str, object]) -> dict[str, object]:
    """What the answer to a message repeats of it: its `id`, and a submit's key. Raises InvalidRequest."""
    echo: dict[str, object] = {}
    key, given = body.get(KEY_FIELD), body.get(ID_FIELD)
    if "action" not in body and isinstance(key, str) and _is_key(key):
        echo[KEY_FIELD] = key
    if isinstance(given, Decimal) and abs(given) <= MAX_NUMBER and given == given.to_integral_value():
        echo[ID_FIELD] = int(given)
    elif isinstance(given, str) and _is_key(given):
        echo[ID_FIELD] = given
    elif given is not None:
        raise InvalidRequest(
            f"{ID_FIELD} is a whole number, or a string of 1 to {MAX_KEY_LENGTH} printable ASCII characters.",
            code="INVALID_TYPE",
            field=ID_FIELD,
        )
    return echo


def connect_parameters(query: Mapping[str, str]) -> Subscribe | None:
    """The subscription that a handshake asks for, if any. Raises InvalidRequest."""
    if "orderId" not in query:
        return None
    return subscription(query["orderId"], query.get("after") or "0")


def ticket(body: Mapping[str, object]) -> str | None:
    """The order that a ticket is asked for, if for one. Raises InvalidRequest."""
    for name in body:
        if name != "orderId":
            raise InvalidRequest(f"{name[:50]!r} is not known.", code="UNKNOWN_FIELD", field=name[:50])
    return order_id(body["orderId"]) if "orderId" in body else None


def subscription(order: object, after: object) -> Subscribe:
    """A subscription to an order's events with `seq` > `after`. Raises InvalidRequest."""
    known = order_id(order)
    text = str(after) if isinstance(after, (str, Decimal)) else ""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidRequest("after is the seq of the last event seen.", code="INVALID_PARAMETER")
    return Subscribe(known, int(text))


def limit(query: Mapping[str, str]) -> int:
    """How many orders a page has. Raises InvalidRequest."""
    return whole_number(query, "limit", most=MAX_LIMIT, default=DEFAULT_LIMIT)


def whole_number(query: Mapping[str, str], name: str, *, default: int, most: int, least: int = 1) -> int:
    """A parameter that is a whole number, `default` if it is not there. Raises InvalidRequest."""
    text = query.get(name)
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) <= len(str(most)) and least <= int(text) <= most:
        return int(text)
    raise InvalidRequest(
        f"{name} is a whole number from {least:,} to {most:,}.", code="INVALID_PARAMETER", field=name
    )


def pair(query: Mapping[str, str]) -> tuple[Token, Token]:
    """Two tokens that are traded. Raises InvalidRequest."""
    for name in ("tokenIn", "tokenOut"):
        if name not in query:
            raise _wrong(name, f"{name} is missing.", code="MISSING_FIELD")
    token_in, token_out = (_token(query[name], name) for name in ("tokenIn", "tokenOut"))
    if token_in == token_out:
        raise _wrong("tokenOut", "tokenIn and tokenOut are the same.", code="SAME_TOKEN")
    return token_in, token_out


def order_filter(query: Mapping[str, str]) -> OrderFilter:
    """Which orders a list has; several values of one parameter have commas between. Raises InvalidRequest."""
    token_in, token_out = _pair(query)
    since, until = (_time(query[field], field) if field in query else None for field in ("from", "to"))
    if since is not None and until is not None and since >= until:
        raise _wrong("to", "to is a time after from.", code="EMPTY_PERIOD")
    return OrderFilter(
        _several(query, "status", Status, code="INVALID_PARAMETER"),
        _several(query, "type", OrderType, code="INVALID_ORDER_TYPE"),
        token_in,
        token_out,
        since,
        until,
    )


def cancel_filter(query: Mapping[str, str]) -> OrderFilter:
    """Which of the resting orders are to be cancelled. Raises InvalidRequest."""
    token_in, token_out = _pair(query)
    return OrderFilter(
        types=[_order_type(query)] if "type" in query else None, token_in=token_in, token_out=token_out
    )


def _pair(query: Mapping[str, str]) -> tuple[Token | None, Token | None]:
    """What orders that are asked for sell and buy, where that is said. Raises InvalidRequest.

    A token that is not listed is named by its mint, launched or not: a sniper waits for it.
    """
    found = [
        None
        if name is None
        else new_token(name)
        if is_mint(name) and not find_token(name)
        else _token(name, field)
        for field, name in ((field, query.get(field)) for field in ("tokenIn", "tokenOut"))
    ]
    return found[0], found[1]


def cursor(text: str | None) -> tuple[datetime, str] | None:
    """Where a page begins, from the one before it. Raises InvalidRequest."""
    if text is None:
        return None
    if (found := _CURSOR.fullmatch(text)) is None:
        raise InvalidRequest("cursor is what an earlier page gave as next.", code="INVALID_PARAMETER")
    return EPOCH + timedelta(microseconds=int(found[1])), found[2].lower()


def _several(query: Mapping[str, str], field: str, kind: type[Kind], *, code: str) -> list[Kind] | None:
    """The values of a parameter, None without it. Raises InvalidRequest."""
    if field not in query:
        return None
    try:
        return [*dict.fromkeys(map(kind, query[field].split(",")))]
    except ValueError:
        raise _wrong(field, f"{field} is one of {', '.join(kind)}.", code=code) from None


def _time(text: str, field: str, *, code: str = "INVALID_PARAMETER") -> datetime:
    """A time of RFC 3339. Raises InvalidRequest."""
    try:
        if not _TIMESTAMP.fullmatch(text):
            raise ValueError
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        example = "2026-01-31T12:00:00Z"
        raise _wrong(field, f"{field} is a time of RFC 3339, like {example}.", code=code) from None


def _is_key(text: str) -> bool:
    return 1 <= len(text) <= MAX_KEY_LENGTH and text.isascii() and text.isprintable()


def _token(value: object, field: str, rules: Rules | None = None) -> Token:
    if not isinstance(value, str):
        raise InvalidRequest(f"{field} must be a string.", code="INVALID_TYPE", field=field)
    token = find_token(value)
    if token is None and rules is not None and is_mint(value):
        token = rules.launched(value)
    if token is None:
        raise _no_token(field, f"{field} names no token that is traded here; use a symbol or a mint.")
    return token


def _new_token(value: object) -> Token:
    """The token that a sniper waits for, by its mint. Raises InvalidRequest.

    Whether it has been launched meanwhile is for the use case to find out: under a key that has an order the
    answer is that order, launched or not.
    """
    field = "tokenOut"
    if not isinstance(value, str):
        raise _wrong(field, f"{field} must be a string.", code="INVALID_TYPE")
    if not re.fullmatch(MINT_PATTERN, value):
        raise _wrong(field, f"A sniper's {field} is the mint of a new token.", code="INVALID_MINT")
    if listed_token(value) is not None:
        raise TokenListed(field=field)
    if not is_mint(value):
        raise _no_token(field, f"{field} is not a mint, which is 32 bytes in base58.")
    return new_token(value)


def _check_snipers_fields(body: Mapping[str, object], is_sniper: bool) -> None:
    """Raise InvalidRequest if there is a field that a sniper has alone, or has not."""
    if is_sniper and FLOOR_FIELD in body:
        raise InvalidRequest(
            f"A sniper has no {FLOOR_FIELD}: its maxPrice says it.", code="UNKNOWN_FIELD", field=FLOOR_FIELD
        )
    if not is_sniper and LIQUIDITY_FIELD in body:
        raise InvalidRequest(
            f"Only a sniper has a {LIQUIDITY_FIELD}.", code="UNKNOWN_FIELD", field=LIQUIDITY_FIELD
        )


def _base_units(body: Mapping[str, object], field: str, token: Token) -> int:
    """The amount of `token` in a field, in base units. Raises InvalidRequest."""
    amount = _decimal(body[field], field)
    if amount <= 0:
        raise _wrong(field, f"{field} must be greater than zero.")
    if amount.adjusted() + token.decimals >= len(str(MAX_BASE_UNITS)):
        raise _too_large(field, token)
    if amount.adjusted() + token.decimals < 0:
        unit = f"one base unit of {token.symbol} ({token.text(1)})"
        raise _wrong(field, f"{field} is less than {unit}.", code="AMOUNT_TOO_SMALL")
    units = amount.scaleb(token.decimals, _EXACT)
    if units != units.to_integral_value():
        decimals = f"the {token.decimals} decimals of {token.symbol}"
        raise _wrong(field, f"{field} has more than {decimals}.", code="AMOUNT_TOO_PRECISE")
    if units > MAX_BASE_UNITS:
        raise _too_large(field, token)
    return int(units)


def _slippage(body: Mapping[str, object], rules: Rules) -> int:
    """An order's slippage, or the most of what the engine may choose. Raises InvalidRequest."""
    if "slippageBps" not in body:
        return rules.default_slippage_bps
    if body["slippageBps"] == AUTO_SLIPPAGE:
        return rules.max_auto_slippage_bps
    return _bps(body, "slippageBps", MAX_SLIPPAGE_BPS, code="INVALID_SLIPPAGE")


def _order_type(body: Mapping[str, object]) -> OrderType:
    try:
        return OrderType(str(body.get("type", OrderType.MARKET)))
    except ValueError:
        raise _wrong("type", f"type is one of {', '.join(OrderType)}.", code="INVALID_ORDER_TYPE") from None


def _price(body: Mapping[str, object], type: OrderType) -> Decimal | None:
    """The price of an order of this type, None for a market order. Raises InvalidRequest."""
    own = PRICE_FIELDS.get(type)
    for field in PRICE_FIELDS.values():
        if field in body and field != own:
            raise _wrong(field, f"An order of type {type} has no {field}.", code="INVALID_PRICE")
    if own is None:
        return None
    if own not in body:
        raise InvalidRequest(f"The field {own!r} is missing.", code="MISSING_FIELD", field=own)
    price = _decimal(body[own], own)
    text = body[own]
    if isinstance(text, str) and len(text) > MAX_PRICE_DIGITS:
        raise _wrong(own, f"{own} has more than {MAX_PRICE_DIGITS} characters.", code="INVALID_PRICE")
    if price <= 0:
        raise _wrong(own, f"{own} must be greater than zero.", code="INVALID_PRICE")
    if len(price.as_tuple().digits) > MAX_PRICE_DIGITS or abs(price.adjusted()) > MAX_PRICE_DIGITS:
        raise _wrong(own, f"{own} has more than {MAX_PRICE_DIGITS} digits.", code="INVALID_PRICE")
    return price


def _least_out(token_in: Token, token_out: Token, amount_in: int, price: Decimal) -> int:
    """What a limit's price comes to, in base units of `token_out`. Raises InvalidRequest."""
    units = least_out(token_in, token_out, amount_in, price)
    if units > MAX_BASE_UNITS:
        raise _too_large("limitPrice", token_out)
    return units


def _expiry(body: Mapping[str, object]) -> tuple[datetime | None, int | None]:
    """When the order expires, and in how many ms if that is how the client said it. Raises InvalidRequest."""
    if all(field in body for field in EXPIRY_FIELDS):
        raise _wrong(
            "expiresAt", "expiresAt and expiresInMs are both there; one is enough.", code="INVALID_EXPIRY"
        )
    now = datetime.now(UTC)
    if "expiresInMs" in body:
        in_ms = _bps(body, "expiresInMs", MAX_LIFETIME_MS, code="INVALID_EXPIRY")
        return now + timedelta(milliseconds=in_ms), in_ms
    if "expiresAt" not in body:
        return None, None
    text = body["expiresAt"]
    if not isinstance(text, str):
        raise _wrong("expiresAt", "expiresAt must be a string.", code="INVALID_TYPE")
    expires_at = _time(text, "expiresAt", code="INVALID_EXPIRY")
    if not now < expires_at <= now + MAX_LIFETIME:
        raise _wrong("expiresAt", "expiresAt is a time from now to a year ahead.", code="EXPIRY_OUT_OF_RANGE")
    return expires_at, None


def _venues(body: Mapping[str, object], rules: Rules) -> frozenset[str] | None:
    """The venues that the order may trade at, None for all of them. Raises InvalidRequest."""
    if not any(field in body for field in VENUE_FIELDS):
        return None
    known = [*rules.venues()]
    for field in VENUE_FIELDS:
        named = body.get(field, [])
        if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
            raise _wrong(field, f"{field} is a list of venues' names.", code="INVALID_TYPE")
        if len(named) > MAX_VENUES or any(len(name) > MAX_VENUE_LENGTH for name in named):
            text = f"{field} has at most {MAX_VENUES} names of at most {MAX_VENUE_LENGTH} characters."
            raise _wrong(field, text, code="INVALID_TYPE")
        if any(name not in known for name in named):
            raise _no_venue(field, f"{field} names a venue that there is not.", known)
    given: dict[str, Any] = {"dexes": known, "excludeDexes": []} | dict(body)
    chosen = frozenset[str](given["dexes"]) - frozenset[str](given["excludeDexes"])
    if not chosen:
        raise _no_venue(next(field for field in VENUE_FIELDS if field in body), "No venue is left.", known)
    return chosen


def _no_token(field: str, text: str) -> InvalidRequest:
    supported = [known.symbol for known in all_tokens()[:MAX_SUPPORTED]]
    return InvalidRequest(text, code="UNKNOWN_TOKEN", field=field, supported=supported)


def _no_venue(field: str, text: str, known: list[str]) -> InvalidRequest:
    return InvalidRequest(text, code="UNKNOWN_DEX", field=field, supported=known)


def _unknown_field(name: str, known: Collection[str]) -> InvalidRequest:
    return InvalidRequest(
        f"The field {name[:50]!r} is not known; there are {', '.join(known)}.",
        code="UNKNOWN_FIELD",
        field=name[:50].encode(errors="replace").decode(),  # a lone surrogate can't be sent back
    )


def _decimal(value: object, field: str) -> Decimal:
    if isinstance(value, str):
        if len(value) > _MAX_DIGITS or not _DECIMAL.fullmatch(value):
            raise _wrong(field, f"{field} must be a decimal number.")
        return Decimal(value)
    if isinstance(value, Decimal):
        if not value.is_finite() or len(value.as_tuple().digits) > _MAX_DIGITS:
            raise _wrong(field, f"{field} must be a finite number of at most {_MAX_DIGITS} digits.")
        return value
    raise _wrong(field, f"{field} must be a number, or a string that holds one.", code="INVALID_TYPE")


def _bps(body: Mapping[str, object], field: str, most: int, *, code: str) -> int:
    """The whole number in a field, from 1 to `most`. Raises InvalidRequest."""
    value = body[field]
    if not isinstance(value, Decimal):
        raise _wrong(field, f"{field} must be a whole number.", code="INVALID_TYPE")
    if not value.is_finite() or not 1 <= value <= most or value != value.to_integral_value():
        raise _wrong(field, f"{field} must be a whole number from 1 to {most}.", code=code)
    return int(value)


def _wrong(field: str, message: str, *, code: str = "INVALID_AMOUNT") -> InvalidRequest:
    return InvalidRequest(message, code=code, field=field)


def _too_large(field: str, token: Token) -> InvalidRequest:
    most = f"{token.text(MAX_BASE_UNITS)} {token.symbol}"
    return _wrong(field, f"{field} is more than a pool can hold ({most}).", code="AMOUNT_TOO_LARGE")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise InvalidRequest(f"The field {name[:50]!r} is there twice.", code="DUPLICATE_KEY")
        found[name] = value
    return found


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except ArithmeticError:  # an exponent beyond all bounds
        return Decimal("Infinity")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)
