"""An order, the events of its life, and the moves that are not an attempt's (those are in `attempt.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from .lifecycle import TERMINAL, Actor, Status, check
from .tokens import Token, plain, price

MAX_BASE_UNITS = 2**63 - 1
"""The most an order may sell: what a signed 64-bit amount, and so every pool, can hold."""


@dataclass(frozen=True, slots=True)
class Terms:
    """A market order as the client asked for it; `amount_in` in base units of `token_in`."""

    token_in: Token
    token_out: Token
    amount_in: int
    slippage_bps: int

    def to_wire(self) -> dict[str, object]:
        """The terms as a client gave them."""
        return {
            "tokenIn": self.token_in.symbol,
            "tokenOut": self.token_out.symbol,
            "amount": self.token_in.text(self.amount_in),
            "slippageBps": self.slippage_bps,
        }


@dataclass(frozen=True, slots=True)
class Order:
    """An order as stored; amounts in base units, None until known."""

    id: str
    terms: Terms
    status: Status
    attempt: int
    seq: int
    created_at: datetime
    updated_at: datetime
    client_order_id: str | None = None
    dex: str | None = None
    quoted_out: int | None = None
    minimum_out: int | None = None
    amount_out: int | None = None
    tx_hash: str | None = None
    error: str | None = None
    code: str | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether no event follows, unless an operator redrives the order."""
        return self.status in TERMINAL

    def start_routing(self, at: datetime) -> Order:
        """The order once it is claimed for its next attempt. Raises IllegalTransition."""
        return self._moved(Status.ROUTING, Actor.CLAIM, at)

    def redrive(self, at: datetime) -> Order:
        """The failed order with a new set of attempts. Raises IllegalTransition."""
        return replace(self._moved(Status.PENDING, Actor.OPERATOR, at), attempt=1, error=None, code=None)

    def last_event(self, detail: Mapping[str, object] | None = None) -> Event:
        """The event of the move that brought the order here."""
        return Event(self.id, self.seq, self.status, self.attempt, self.updated_at, detail or {})

    def _moved(self, target: Status, actor: Actor, at: datetime) -> Order:
        check(self.status, target, actor)
        return replace(self, status=target, seq=self.seq + 1, updated_at=at)

    def to_wire(self) -> dict[str, object]:
        """The order as a client gets it: camelCase, money as decimal strings, absent rather than null."""
        terms = self.terms
        known: dict[str, object | None] = {
            "orderId": self.id,
            "clientOrderId": self.client_order_id,
            "status": self.status,
            "attempt": self.attempt,
            **terms.to_wire(),
            "dex": self.dex,
            "quotedOut": _text(terms.token_out, self.quoted_out),
            "minimumOut": _text(terms.token_out, self.minimum_out),
            "amountOut": _text(terms.token_out, self.amount_out),
            "executedPrice": executed_price(terms, self.amount_out) if self.amount_out is not None else None,
            "txHash": self.tx_hash,
            "error": self.error,
            "code": self.code,
            "createdAt": timestamp(self.created_at),
            "updatedAt": timestamp(self.updated_at),
        }
        return {key: value for key, value in known.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Event:
    """The `seq`-th event of an order, as it is stored, published and streamed."""

    order_id: str
    seq: int
    status: Status
    attempt: int
    at: datetime
    detail: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_terminal(self) -> bool:
        """Whether no event follows this one, unless an operator redrives the order."""
        return self.status in TERMINAL

    def to_wire(self) -> dict[str, object]:
        """The flat object that a client gets: `{orderId, seq, status, attempt, at, …detail}`."""
        return {
            "orderId": self.order_id,
            "seq": self.seq,
            "status": self.status,
            "attempt": self.attempt,
            "at": timestamp(self.at),
            **self.detail,
        }


def executed_price(terms: Terms, amount_out: int) -> str:
    """Tokens out per token in of a fill, as money travels on the wire."""
    return plain(price(terms.token_out, amount_out, terms.token_in, terms.amount_in))


def timestamp(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: `2026-01-31T12:00:00.000Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text(token: Token, base_units: int | None) -> str | None:
    return None if base_units is None else token.text(base_units)
