"""What happens to an order: a class for each kind of event, and an event as it is stored and streamed.

    open        OrderOpened, OrderReopened
    pending     OrderAccepted, OrderTriggered, OrderRetrying, OrderRedriven
    routing     OrderRouting
    building    OrderBuilding
    submitted   OrderSubmitted
    confirmed   OrderConfirmed
    failed      OrderFailed
    cancelled   OrderCancelled
    expired     OrderExpired

The lifecycle's moves give these (`order.py`, `attempt.py`); the store numbers each, and keeps it as an
`Event`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from .lifecycle import TERMINAL, Status
from .routing import Route
from .terms import Terms


@dataclass(frozen=True, slots=True)
class OrderAccepted:
    """A client has submitted the order."""

    status: ClassVar = Status.PENDING
    terms: Terms


@dataclass(frozen=True, slots=True)
class OrderOpened:
    """A client has submitted an order that rests until its trigger."""

    status: ClassVar = Status.OPEN
    terms: Terms


@dataclass(frozen=True, slots=True)
class OrderTriggered:
    """The order's price is there: `price`, in tokens out per token in, is what its size would get now."""

    status: ClassVar = Status.PENDING
    price: Decimal


@dataclass(frozen=True, slots=True)
class OrderReopened:
    """The price was gone when the order was executed; it rests again, and no attempt is spent."""

    status: ClassVar = Status.OPEN
    error: str
    code: str


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    """Its client has cancelled the order."""

    status: ClassVar = Status.CANCELLED


@dataclass(frozen=True, slots=True)
class OrderExpired:
    """The order's time was over before it was executed."""

    status: ClassVar = Status.EXPIRED


@dataclass(frozen=True, slots=True)
class OrderRetrying:
    """An attempt has failed, and the next one begins in `retry_in_ms`."""

    status: ClassVar = Status.PENDING
    error: str
    code: str
    retry_in_ms: int


@dataclass(frozen=True, slots=True)
class OrderRedriven:
    """An operator has given the failed order a new set of attempts, for the `redrives`-th time."""

    status: ClassVar = Status.PENDING
    redrives: int


@dataclass(frozen=True, slots=True)
class OrderRouting:
    """A worker has claimed the order and asks every venue for a quote."""

    status: ClassVar = Status.ROUTING


@dataclass(frozen=True, slots=True)
class OrderBuilding:
    """The route is chosen; its transaction is signed and kept, and not sent yet."""

    status: ClassVar = Status.BUILDING
    route: Route


@dataclass(frozen=True, slots=True)
class OrderSubmitted:
    """The chain has acknowledged the transaction."""

    status: ClassVar = Status.SUBMITTED
    venue: str
    signature: str


@dataclass(frozen=True, slots=True)
class OrderConfirmed:
    """The swap has landed and gave the trader `amount_out` base units of `terms.token_out`.

    Fees are in lamports. `compute_units` is None where the chain does not say. `route` is None if another
    worker had chosen it, which was lost since: its event, `building`, tells it.
    """

    status: ClassVar = Status.CONFIRMED
    terms: Terms
    venue: str
    signature: str
    amount_out: int
    slot: int
    network_fee: int = 0
    priority_fee: int = 0
    quoted_out: int | None = None
    route: Route | None = None
    compute_units: int | None = None


@dataclass(frozen=True, slots=True)
class OrderFailed:
    """The order has failed after this many attempts."""

    status: ClassVar = Status.FAILED
    error: str
    code: str
    attempts: int


OrderEvent = (
    OrderAccepted
    | OrderOpened
    | OrderTriggered
    | OrderReopened
    | OrderCancelled
    | OrderExpired
    | OrderRetrying
    | OrderRedriven
    | OrderRouting
    | OrderBuilding
    | OrderSubmitted
    | OrderConfirmed
    | OrderFailed
)


@dataclass(frozen=True, slots=True)
class Event:
    """The `seq`-th event of an order, as it is stored; `detail` is the event's content, rendered."""

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
