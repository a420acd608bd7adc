"""What clients send, from JSON: bodies, parameters, messages on a connection. Each error names its field."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from typing import NoReturn

from ...domain.errors import InvalidRequest, TooLarge
from ...domain.lifecycle import Status
from ...domain.terms import MAX_BASE_UNITS, MAX_KEY_LENGTH, MAX_PRICE_IMPACT_BPS, MAX_SLIPPAGE_BPS, Terms
from ...domain.tokens import TOKENS, Token, find_token
from ...services.live.messages import Ping, Request, Submit, Subscribe, Unsubscribe
from .ids import order_id as order_id  # for those who parse requests
from .schemas import CURSOR, DEFAULT_LIMIT, MAX_LIMIT

REQUIRED = ("tokenIn", "tokenOut", "amount")
WHOLE_NUMBERS = ("slippageBps", "maxPriceImpactBps")
FIELDS = (*REQUIRED, *WHOLE_NUMBERS, "minimumOut")
KEY_FIELD = "clientOrderId"
ID_FIELD = "id"  # of any message on a connection
MAX_NUMBER = 2**53 - 1  # the largest that JavaScript reads exactly
ACTIONS = ("subscribe", "unsubscribe", "ping")
MAX_BODY_BYTES = 128 * 1024

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_CURSOR = re.compile(CURSOR, re.ASCII)
_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
_DECIMAL = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,6})?", re.ASCII)
_MAX_DIGITS = 100  # of an amount: far more than any needs
_EXACT = Context(prec=2 * _MAX_DIGITS)


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


def order(body: Mapping[str, object], default_slippage_bps: int) -> tuple[Terms, str | None]:
    """The terms in a submit's body, and its idempotency key if it has one. Raises InvalidRequest."""
    given = {name: value for name, value in body.items() if name != KEY_FIELD}
    key = idempotency_key(body[KEY_FIELD]) if KEY_FIELD in body else None
    return terms(given, default_slippage_bps), key


def terms(body: Mapping[str, object], default_slippage_bps: int) -> Terms:
    """The terms in `body`, whose numbers are Decimals. Raises InvalidRequest with the field and its code."""
    for name in body:
        if name not in FIELDS:
            raise InvalidRequest(
                f"The field {name[:50]!r} is not known; an order has {', '.join(FIELDS)}.",
                code="UNKNOWN_FIELD",
                field=name[:50].encode(errors="replace").decode(),  # a lone surrogate can't be sent back
            )
    for name in REQUIRED:
        if name not in body:
            raise InvalidRequest(f"The field {name!r} is missing.", code="MISSING_FIELD", field=name)
    token_in = _token(body["tokenIn"], "tokenIn")
    token_out = _token(body["tokenOut"], "tokenOut")
    if token_in == token_out:
        raise InvalidRequest("tokenIn and tokenOut are the same token.", code="SAME_TOKEN", field="tokenOut")
    return Terms(
        token_in,
        token_out,
        amount_in=_base_units(body, "amount", token_in),
        slippage_bps=_bps(body, "slippageBps", MAX_SLIPPAGE_BPS, code="INVALID_SLIPPAGE")
        if "slippageBps" in body
        else default_slippage_bps,
        max_price_impact_bps=_bps(
            body, "maxPriceImpactBps", MAX_PRICE_IMPACT_BPS, code="INVALID_PRICE_IMPACT"
        )
        if "maxPriceImpactBps" in body
        else None,
        floor_out=_base_units(body, "minimumOut", token_out) if "minimumOut" in body else None,
        slippage_is_default="slippageBps" not in body,
    )


def quote_terms(parameters: Mapping[str, str], default_slippage_bps: int) -> Terms:
    """The terms in a query string. Raises InvalidRequest."""
    given: dict[str, object] = dict(parameters)
    for name in WHOLE_NUMBERS:
        if name in given:
            text = str(given[name])
            given[name] = Decimal(text) if text.isascii() and text.isdigit() else text
    return terms(given, default_slippage_bps)


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


def message(body: Mapping[str, object], default_slippage_bps: int) -> Request:
    """What a client requests on its connection. Raises InvalidRequest."""
    if "action" not in body:
        given = {name: value for name, value in body.items() if name != ID_FIELD}
        return Submit(*order(given, default_slippage_bps))
    match body:
        case {"action": "ping"}:
            return Ping()
        case {"action": "subscribe"}:
            return subscription(body.get("orderId"), body.get("after", "0"))
        case {"action": "unsubscribe"}:
            return Unsubscribe(order_id(body.get("orderId")))
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


def subscription(order: object, after: object) -> Subscribe:
    """A subscription to an order's events with `seq` > `after`. Raises InvalidRequest."""
    known = order_id(order)
    text = str(after) if isinstance(after, (str, Decimal)) else ""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidRequest("after is the seq of the last event seen.", code="INVALID_PARAMETER")
    return Subscribe(known, int(text))


def limit(text: str | None) -> int:
    """How many orders a page has. Raises InvalidRequest."""
    if text is None:
        return DEFAULT_LIMIT
    if text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= MAX_LIMIT:
        return int(text)
    raise InvalidRequest(f"limit is a whole number from 1 to {MAX_LIMIT}.", code="INVALID_PARAMETER")


def status(text: str | None) -> Status | None:
    """The status that orders are filtered by, if any. Raises InvalidRequest."""
    try:
        return None if text is None else Status(text)
    except ValueError:
        raise InvalidRequest(f"status is one of {', '.join(Status)}.", code="INVALID_PARAMETER") from None


def cursor(text: str | None) -> tuple[datetime, str] | None:
    """Where a page begins, from the one before it. Raises InvalidRequest."""
    if text is None:
        return None
    if (found := _CURSOR.fullmatch(text)) is None:
        raise InvalidRequest("cursor is what an earlier page gave as next.", code="INVALID_PARAMETER")
    return EPOCH + timedelta(microseconds=int(found[1])), found[2].lower()


def _is_key(text: str) -> bool:
    return 1 <= len(text) <= MAX_KEY_LENGTH and text.isascii() and text.isprintable()


def _token(value: object, field: str) -> Token:
    if not isinstance(value, str):
        raise InvalidRequest(f"{field} must be a string.", code="INVALID_TYPE", field=field)
    token = find_token(value)
    if token is None:
        raise InvalidRequest(
            f"{field} names no token that is traded here; use a symbol or a mint.",
            code="UNKNOWN_TOKEN",
            field=field,
            supported=[known.symbol for known in TOKENS],
        )
    return token


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
