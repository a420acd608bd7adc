"""The checks before a transaction is prepared: caps, and the balance less what is reserved for other orders.

reserve ─▶ cap of an order, of a day ─▶ balance − reserved

What an order sells is recorded before its transaction is made, and counts until the order has failed: while
it is in flight as reserved, and once it is confirmed as spent, for the rest of 24 hours. The order's own
status says which, so nothing has to be released, and nothing can be left behind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ...batcher import Batcher
from ...domain.errors import ChainUnavailable, InsufficientFunds, SigningRefused
from ...domain.tokens import Token

if TYPE_CHECKING:
    from .balances import Balances

SQL = Path(__file__).parent / "sql"


class Database(Protocol):
    """The engine's database, in which this world has a schema of its own, `solana`."""

    def load(self, queries: Path) -> None:
        """Add the named statements of a file."""

    async def run(self, name: str, **columns: Any) -> list[dict[str, Any]]:
        """The rows that a named statement gives. Raises TemporarilyUnavailable."""


@dataclass(frozen=True, slots=True)
class Caps:
    """The most that may be sold of a token: by an order, and by all orders of 24 hours; base units, by mint.

    With `are_needed`, a token without both may not be sold.
    """

    of_order: Mapping[str, int]
    of_day: Mapping[str, int]
    are_needed: bool

    def check(self, token: Token, amount: int, spent: int) -> None:
        """Raises SigningRefused."""
        order, day = self.of_order.get(token.mint), self.of_day.get(token.mint)
        if self.are_needed and (order is None or day is None):
            raise SigningRefused(
                f"{token.symbol} has no cap, so none is sold: SOLANA_ORDER_CAPS and SOLANA_DAY_CAPS name it.",
                code="CAP_MISSING",
            )
        if order is not None and amount > order:
            raise SigningRefused(
                f"An order may sell {token.text(order)} {token.symbol} at most.", code="ORDER_CAP_EXCEEDED"
            )
        if day is not None and spent + amount > day:
            raise SigningRefused(
                f"Orders may sell {token.text(day)} {token.symbol} in 24 hours, and have sold "
                f"{token.text(spent)}.",
                code="DAY_CAP_EXCEEDED",
            )


@dataclass(frozen=True, slots=True)
class EarlierSales:
    """What orders before this one have sold of its token, base units: in flight, and within a day."""

    reserved: int
    spent: int


class Guards:
    """The checks before a transaction is asked for. Raise SigningRefused, InsufficientFunds."""

    def __init__(self, database: Database, caps: Caps, balances: Balances) -> None:
        database.load(SQL / "queries.sql")
        self._database = database
        self._caps = caps
        self._balances = balances
        self._is_wallet_known = False
        self._reserve: Batcher[tuple[str, str, int], EarlierSales] = Batcher(self._reserve_all)

    async def admit(self, order_id: str, token: Token, amount: int) -> None:
        """Reserve what an order is about to sell."""
        if not self._is_wallet_known:
            await self._database.run("add_wallet", address=self._balances.wallet)
            self._is_wallet_known = True
        earlier = await self._reserve((order_id, token.mint, amount))
        self._caps.check(token, amount, earlier.spent)
        # Read after what is reserved: what lands in between is then subtracted twice rather than not at all.
        try:
            held = await self._balances.of(token.mint)
        except (OSError, TimeoutError) as error:
            raise ChainUnavailable from error
        if held < earlier.reserved + amount:
            reserved = token.text(earlier.reserved)
            raise InsufficientFunds(
                f"The wallet holds {token.text(held)} {token.symbol}; orders in flight reserve {reserved}."
            )

    async def _reserve_all(self, sales: Sequence[tuple[str, str, int]]) -> list[EarlierSales]:
        ids, mints, amounts = zip(*sales, strict=True)
        rows = await self._database.run(
            "reserve_sales",
            order_ids=list(ids),
            mints=list(mints),
            amounts=list(amounts),
            counts_spent=bool(self._caps.of_day),
        )
        found = {str(row["order_id"]): row for row in rows}
        return [
            EarlierSales(int(row["reserved"]), int(row["spent"]))
            for row in (found[order_id] for order_id in ids)
        ]
