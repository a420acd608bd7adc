"""Accounts, which own orders, and the callers who act for them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .errors import Forbidden


@dataclass(frozen=True, slots=True)
class Account:
    """Who owns an order, and in whose name a command or a query is made."""

    id: str


LOCAL = Account("local")
"""The one account of an engine that is open to everybody who reaches it."""


class Scope(StrEnum):
    """What a caller may do."""

    ORDERS_WRITE = "orders:write"
    ORDERS_READ = "orders:read"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request: for which account, what it may do, and by which API key; `""` if by none."""

    account: Account
    scopes: frozenset[Scope]
    key_id: str = ""

    def require(self, scope: Scope) -> None:
        """Return if the caller may do what takes this scope. Raises Forbidden."""
        if scope not in self.scopes:
            raise Forbidden(f"This takes an API key with the scope {scope}.", scope=scope.value)


@dataclass(frozen=True, slots=True)
class Access:
    """What a connection may do: what its caller may, or only subscribe to the one order that is named."""

    caller: Caller
    order_id: str | None = None


OPEN_CALLER = Caller(LOCAL, frozenset(Scope))
"""Every caller of an open engine."""
