"""Ids of quotes: what a quote promised, in 32 characters, so that a quote is stored nowhere.

    version (1 byte) · expiry (6, ms of Unix time) · minimum out (8) · digest of the terms (6) · checksum (3)

An id is not signed, and needs no secret. A client that makes one up gives its own order a minimum, which
`minimumOut` does as well: it binds the order, and the engine to nothing. So all that is checked is what
protects the client from its own mistakes: that the id is whole, of these terms, and not over.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

from ...domain.errors import InvalidRequest
from ...domain.terms import MAX_BASE_UNITS
from ...domain.tokens import Token

VERSION = b"\x01"
FORM = re.compile("[A-Za-z0-9_-]{32}")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MS = timedelta(milliseconds=1)


class Promise(NamedTuple):
    """What a quote promised: no less than `minimum_out` base units, until `expires_at`."""

    minimum_out: int
    expires_at: datetime


def quote_id(token_in: Token, token_out: Token, amount_in: int, promise: Promise) -> str:
    """The id of a quote on these terms."""
    content = (
        VERSION
        + ((promise.expires_at - EPOCH) // MS).to_bytes(6, "big")
        + min(promise.minimum_out, MAX_BASE_UNITS).to_bytes(8, "big")
        + _terms(token_in, token_out, amount_in)
    )
    return urlsafe_b64encode(content + _checksum(content)).decode()


def read_quote_id(text: object, token_in: Token, token_out: Token, amount_in: int) -> Promise:
    """What the quote promised. Raises InvalidRequest if it is none, or one on other terms."""
    raw = _raw(text)
    if raw[:1] != VERSION or raw[21:] != _checksum(raw[:21]):
        raise InvalidRequest("There is no such quote.", code="QUOTE_MISMATCH", field="quoteId")
    if raw[15:21] != _terms(token_in, token_out, amount_in):
        raise InvalidRequest(
            "The quote is one for other tokens or another amount.", code="QUOTE_MISMATCH", field="quoteId"
        )
    expires_ms, minimum_out = int.from_bytes(raw[1:7], "big"), int.from_bytes(raw[7:15], "big")
    try:
        return Promise(min(minimum_out, MAX_BASE_UNITS), EPOCH + expires_ms * MS)
    except OverflowError:  # made up
        return Promise(min(minimum_out, MAX_BASE_UNITS), datetime.max.replace(tzinfo=UTC))


def _raw(text: object) -> bytes:
    if not isinstance(text, str) or not FORM.fullmatch(text):
        raise InvalidRequest(
            "quoteId is the id that a quote came with.", code="INVALID_QUOTE_ID", field="quoteId"
        )
    return urlsafe_b64decode(text)


def _terms(token_in: Token, token_out: Token, amount_in: int) -> bytes:
    return sha256(f"{token_in.mint} {token_out.mint} {amount_in}".encode()).digest()[:6]


def _checksum(content: bytes) -> bytes:
    return sha256(content).digest()[:3]
