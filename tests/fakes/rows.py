"""Rows of the store in memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.order import Order
from chalicelib.domain.terms import Terms
from chalicelib.ports.trading import SignedTransaction


@dataclass
class Row:
    """An order's row in the table `orders`."""

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
    """A key's row in the table `idempotency_keys`."""

    order_id: str
    terms: Terms
    expires_at: datetime
    replayed: bool = False
