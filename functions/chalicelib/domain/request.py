"""From what a client sent to the terms of an order, or a clear reason why not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Context, Decimal

from .errors import InvalidRequest
from .order import MAX_BASE_UNITS, Terms
from .tokens import TOKENS, Token, find_token

FIELDS = ("tokenIn", "tokenOut", "amount", "slippageBps")
MAX_KEY_LENGTH = 64
MAX_SLIPPAGE_BPS = 5000

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,6})?", re.ASCII)
_MAX_DIGITS = 100  # of an amount: far more than any needs
_EXACT = Context(prec=2 * _MAX_DIGITS)


def parse_terms(body: Mapping[str, object], default_slippage_bps: int) -> Terms:
    """The terms in `body`, whose numbers are Decimals. Raises InvalidRequest with the field and its code."""
    for name in body:
        if name not in FIELDS:
            raise InvalidRequest(
                f"The field {name[:50]!r} is not known; an order has {', '.join(FIELDS)}.",
                code="UNKNOWN_FIELD",
                field=name[:50],
            )
    for name in FIELDS[:3]:
        if name not in body:
            raise InvalidRequest(f"The field {name!r} is missing.", code="MISSING_FIELD", field=name)
    token_in = _token(body["tokenIn"], "tokenIn")
    token_out = _token(body["tokenOut"], "tokenOut")
    if token_in == token_out:
        raise InvalidRequest("tokenIn and tokenOut are the same token.", code="SAME_TOKEN", field="tokenOut")
    amount_in = _base_units(body["amount"], token_in)
    slippage_bps = _slippage(body["slippageBps"]) if "slippageBps" in body else default_slippage_bps
    return Terms(token_in, token_out, amount_in, slippage_bps)


def parse_order(body: Mapping[str, object], default_slippage_bps: int) -> tuple[Terms, str | None]:
    """The terms in a submit's body, and its `clientOrderId` if it has one. Raises InvalidRequest."""
    terms = {name: value for name, value in body.items() if name != "clientOrderId"}
    key = parse_key(body["clientOrderId"]) if "clientOrderId" in body else None
    return parse_terms(terms, default_slippage_bps), key


def parse_key(value: object) -> str:
    """An idempotency key: 1 to 64 printable ASCII characters. Raises InvalidRequest."""
    if (
        isinstance(value, str)
        and 1 <= len(value) <= MAX_KEY_LENGTH
        and value.isascii()
        and value.isprintable()
    ):
        return value
    raise InvalidRequest(
        f"An idempotency key is a string of 1 to {MAX_KEY_LENGTH} printable ASCII characters.",
        code="INVALID_IDEMPOTENCY_KEY",
    )


def parse_order_id(text: object) -> str:
    """An order id in its canonical form. Raises InvalidRequest (INVALID_ORDER_ID)."""
    if isinstance(text, str) and _UUID.fullmatch(text):
        return text.lower()
    raise InvalidRequest("An order id is a UUID, as the submit answered.", code="INVALID_ORDER_ID")


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


def _base_units(value: object, token: Token) -> int:
    amount = _decimal(value)
    if amount <= 0:
        raise _invalid_amount("amount must be greater than zero.")
    if amount.adjusted() + token.decimals >= len(str(MAX_BASE_UNITS)):
        raise _too_large(token)
    if amount.adjusted() + token.decimals < 0:
        raise InvalidRequest(
            f"amount is less than one base unit of {token.symbol} ({token.text(1)}).",
            code="AMOUNT_TOO_SMALL",
            field="amount",
        )
    units = amount.scaleb(token.decimals, _EXACT)
    if units != units.to_integral_value():
        raise InvalidRequest(
            f"amount has more than the {token.decimals} decimals of {token.symbol}.",
            code="AMOUNT_TOO_PRECISE",
            field="amount",
        )
    if units > MAX_BASE_UNITS:
        raise _too_large(token)
    return int(units)


def _decimal(value: object) -> Decimal:
    if isinstance(value, str):
        if len(value) > _MAX_DIGITS or not _DECIMAL.fullmatch(value):
            raise _invalid_amount("amount must be a decimal number.")
        return Decimal(value)
    if isinstance(value, Decimal):
        if not value.is_finite() or len(value.as_tuple().digits) > _MAX_DIGITS:
            raise _invalid_amount("amount must be a finite number of at most 100 digits.")
        return value
    raise InvalidRequest(
        "amount must be a number, or a string that holds one.", code="INVALID_TYPE", field="amount"
    )


def _slippage(value: object) -> int:
    if not isinstance(value, Decimal):
        raise InvalidRequest("slippageBps must be a whole number.", code="INVALID_TYPE", field="slippageBps")
    if not value.is_finite() or not 1 <= value <= MAX_SLIPPAGE_BPS or value != value.to_integral_value():
        raise InvalidRequest(
            f"slippageBps must be a whole number from 1 to {MAX_SLIPPAGE_BPS}.",
            code="INVALID_SLIPPAGE",
            field="slippageBps",
        )
    return int(value)


def _invalid_amount(message: str) -> InvalidRequest:
    return InvalidRequest(message, code="INVALID_AMOUNT", field="amount")


def _too_large(token: Token) -> InvalidRequest:
    return InvalidRequest(
        f"amount is more than a pool can hold ({token.text(MAX_BASE_UNITS)} {token.symbol}).",
        code="AMOUNT_TOO_LARGE",
        field="amount",
    )
