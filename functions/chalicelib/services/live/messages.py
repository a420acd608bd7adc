"""What a client may request on its connection, and what it is answered."""

from __future__ import annotations

from dataclasses import dataclass

from ...domain.terms import Terms
from ..submission import Submitted


@dataclass(frozen=True, slots=True)
class Submit:
    """Submit an order, and subscribe to it."""

    terms: Terms
    key: str | None


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Send the order's events with `seq` > `after`."""

    order_id: str
    after: int


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Send no further events of the order."""

    order_id: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel the order."""

    order_id: str


@dataclass(frozen=True, slots=True)
class Ping:
    """Answer with a pong."""


Request = Submit | Subscribe | Unsubscribe | Cancel | Ping


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The order's events with `seq` > `after` follow."""

    order_id: str
    after: int


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    """No further events of the order follow."""

    order_id: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The order is cancelled."""

    order_id: str


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a ping."""


Answer = Submitted | Subscribed | Unsubscribed | Cancelled | Pong
