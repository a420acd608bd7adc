"""The audit: each landed transaction of the wallet is compared with the order that it names.

It runs with the sweep, on finalized blocks, and goes on where it was, up to an order that is still under way.
A transaction without a memo names no order, and is not compared.
A swap that landed for a failed order, or a second one of an order, is logged as an error, once: it is what
the engine exists to rule out.
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

from ...config import Config
from ...domain.errors import TemporarilyUnavailable
from .guards import SQL, Database
from .rpc import Rpc, RpcRefusal, reading
from .settings import nodes

log = logging.getLogger(__name__)

PAGE = 1000  # the most signatures that a node lists at a time
ORDER_ID = re.compile(r"\[36\] ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
"""A memo as getSignaturesForAddress shows it: its length and its text."""


def build(config: Config, database: Database) -> Audit:
    """The audit of the wallets that have traded on this cluster."""
    database.load(SQL / "queries.sql")
    return Audit(database, nodes(config))


class Audit:
    """`await audit.run()`: one pass over what has landed since the one before."""

    def __init__(self, database: Database, rpc: Rpc) -> None:
        self._database = database
        self._rpc = rpc

    async def run(self) -> list[str]:
        """The orders that a landed transaction contradicts. Where a server is away, the next pass goes on."""
        wrong: list[str] = []
        try:
            for row in await self._database.run("read_wallets"):
                wrong += await self._compare(row["address"], row["audited"])
        except (OSError, TimeoutError, RpcRefusal, TemporarilyUnavailable) as error:
            log.warning("audit: broken off error=%r", error)
        return wrong

    def close(self) -> None:
        """Close the connections."""
        self._rpc.close()

    async def _compare(self, wallet: str, audited: str | None) -> list[str]:
        wrong: list[str] = []
        async for page in self._pages(wallet, audited):  # the oldest first
            with reading("getSignaturesForAddress"):
                swaps = {str(entry["signature"]): _order_of(entry) for entry in page}
            named = {signature: order_id for signature, order_id in swaps.items() if order_id}
            rows = await self._database.run(
                "compare_landed", order_ids=list(named.values()), signatures=list(named)
            )
            known = {(str(row["id"]), row["signature"]): row for row in rows}
            newest = None
            for signature, order_id in swaps.items():
                row = known.get((order_id or "", signature))
                if row is not None and not row["is_right"] and await self._is_signed_by(wallet, signature):
                    if not row["has_ended"]:
                        break
                    log.error(
                        "audit: a swap landed that its order does not have order=%s signature=%s",
                        order_id,
                        signature,
                    )
                    wrong.append(str(row["id"]))
                newest = signature
            if newest is not None:
                await self._database.run("set_audited", address=wallet, audited=newest)
            if newest != page[-1]["signature"]:
                break
        return wrong

    async def _is_signed_by(self, wallet: str, signature: str) -> bool:
        """Whether it is the wallet's: others may name the wallet and an order's id in theirs."""
        options = {"encoding": "json", "commitment": "finalized", "maxSupportedTransactionVersion": 0}
        found = await self._rpc.call("getTransaction", signature, options)
        with reading("getTransaction"):
            message = found["transaction"]["message"]
            return wallet in message["accountKeys"][: int(message["header"]["numRequiredSignatures"])]

    async def _pages(self, wallet: str, audited: str | None) -> AsyncIterator[Sequence[Any]]:
        """What has landed after `audited`, page by page, the oldest first."""
        pages: list[list[Any]] = []
        options: dict[str, object] = {"limit": PAGE, "commitment": "finalized"}
        if audited is not None:
            options["until"] = audited
        while True:
            page = await self._rpc.call("getSignaturesForAddress", wallet, options)
            with reading("getSignaturesForAddress"):
                if page:
                    pages.append(page[::-1])
                    options["before"] = page[-1]["signature"]
                if len(page) < PAGE:
                    break
        for page in reversed(pages):
            yield page


def _order_of(entry: Any) -> str | None:
    """The order that a transaction names, None if it failed or names none."""
    found = ORDER_ID.search(entry["memo"] or "") if entry["err"] is None else None
    return found[1] if found else None
