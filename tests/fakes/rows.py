"""What the store in memory keeps, as the tables do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.order import Order
from chalicelib.domain.terms import Terms
from chalicelib.ports.trading import SignedTransaction


@dataclass
class Row:
    """What the table `orders` holds of an order."""

    order: Order
    due_at: datetime
    fence: int = 0
    lease_until: datetime | None = None
    transaction: SignedTransaction | None = None
    client: str = ""
    redrives: int = 0
    queued_at: datetime | None = None


@dataclass
class Key:
    """What the table `idempotency_keys` holds of a key."""

    order_id: str
    terms: Terms
    expires_at: datetime
    replayed: bool = False
