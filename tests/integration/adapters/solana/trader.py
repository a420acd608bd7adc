"""One process's engine on a Solana node: an order as the steps of its execution."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.request import Request, urlopen

from chalicelib.adapters.postgres.database import Database
from chalicelib.adapters.solana.world import SolanaWorld
from chalicelib.config import Config
from chalicelib.domain.routing import Quote
from chalicelib.domain.tokens import Token
from chalicelib.ports.trading import Landed, ProgramError, SignedTransaction

from local.servers.solana import Solana
from tests.samples import SOL, USDC

INSERT = """
INSERT INTO orders
    (id, status, attempt, token_in, token_out, amount_in, slippage_bps, due_at, tx_hash, client, account)
VALUES (%s, %s, 1, 'SOL', 'USDC', 1, 100, now(), %s, 'client', 'local')
"""
END_ALL = "UPDATE orders SET status = 'failed' WHERE status = 'routing'"  # or they reserve what others sell
LANDS_WITHIN_S = 20.0


class Trader:
    """A world with `settings`, on a database."""

    def __init__(self, node: Solana, database: Database, **settings: Any) -> None:
        given = {
            "world": "solana",
            "solana_rpc_urls": node.url,
            "solana_key_file": str(node.wallet),
            "jupiter_url": f"{node.url}/swap/v2",
        }
        self.world = SolanaWorld(replace(Config(), **(given | settings)), database)
        self.database = database
        self.raydium = self.world.venues["raydium"]

    async def order(self, status: str = "routing", signature: str | None = None) -> str:
        """An order's row; its id."""
        order_id = str(uuid.uuid4())
        async with self.database.connection() as connection:
            await connection.execute(INSERT, [order_id, status, signature])
        return order_id

    async def set_status(self, order_id: str, status: str, signature: str | None = None) -> None:
        async with self.database.connection() as connection:
            query = "UPDATE orders SET status = %s, tx_hash = %s WHERE id = %s"
            await connection.execute(query, [status, signature, order_id])

    async def quote(self, amount: int = 10**9, sold: Token = SOL, bought: Token = USDC) -> Quote:
        return await self.raydium.quote(sold, bought, amount)

    async def sign(self, order_id: str, quote: Quote, minimum_out: int | None = None) -> SignedTransaction:
        """The order's transaction, after every check. Raises AttemptFailed."""
        least = quote.amount_out * 99 // 100 if minimum_out is None else minimum_out
        swap = await self.raydium.build(quote, least, order_id)
        return self.world.signer.sign(swap, order_id, "", 0)

    async def swap(self, order_id: str, quote: Quote) -> tuple[SignedTransaction, Landed | ProgramError]:
        """Sign, send, and follow until the chain has decided."""
        transaction = await self.sign(order_id, quote)
        await self.world.chain.send(transaction)
        return transaction, await self.decided(transaction.signature)

    async def decided(self, signature: str) -> Landed | ProgramError:
        deadline = time.monotonic() + LANDS_WITHIN_S
        while time.monotonic() < deadline:
            found = await self.world.chain.status(signature)
            if isinstance(found, Landed | ProgramError):
                return found
            await asyncio.sleep(0.01)
        raise AssertionError("the chain does not decide")


@asynccontextmanager
async def trading(node: Solana, database_url: str, **settings: Any) -> AsyncIterator[Trader]:
    """A trader, closed at the end."""
    database = Database(database_url)
    trader = Trader(node, database, **settings)
    try:
        yield trader
    finally:
        await trader.world.close()
        async with database.connection() as connection:
            await connection.execute(END_ALL)
        await database.close()


@asynccontextmanager
async def faults(node: Solana, rules: str) -> AsyncIterator[None]:
    """The node has these faults while the block runs."""
    await asyncio.to_thread(_set_faults, node, rules)
    try:
        yield
    finally:
        await asyncio.to_thread(_set_faults, node, "")


def _set_faults(node: Solana, rules: str) -> None:
    body = json.dumps({"faults": rules}).encode()
    with urlopen(Request(f"{node.url}/faults", body, {"Content-Type": "application/json"})):
        pass
