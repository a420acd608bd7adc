"""The owner of orders."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Account:
    """Who owns an order, and in whose name a command or a query is made."""

    id: str


LOCAL = Account("local")
"""The one account there is, until callers are authenticated."""
