"""The simulated chain: time makes its blocks, Postgres remembers its transactions (schema `sim`).

`send` verifies a transaction, decides at once when it lands and what it gives there (the market is a function
of time, so the instant need not have come), and stores that. `status` tells it once the instant has come. A
signature lands at most once, whatever is sent again; two different transactions of one order would both land,
and the view `sim.swaps` would show it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from ..batcher import Batcher
from ..domain.errors import (
    AttemptFailed,
    BlockhashExpired,
    InsufficientLiquidity,
    PoolNotOpen,
    SlippageExceeded,
    TransactionFailed,
)
from ..domain.routing import Quote
from ..domain.tokens import Token
from ..ports.trading import Chain, Landed, ProgramError, SignedTransaction, TransactionStatus
from .database import Database
from .fault_rules import Kind
from .faults import Faults
from .launchpad import Launchpad
from .slots import Slots
from .transaction import Leg, Message, verify
from .venue import Clock, Dex

LANDING_MS = (2000, 3000)
NETWORK_FEE = 5000
"""What Solana takes for a transaction with one signature, in lamports."""

_PROGRAM_ERRORS: dict[str, type[AttemptFailed]] = {
    error.code: error for error in (SlippageExceeded, InsufficientLiquidity, PoolNotOpen)
}

Row = dict[str, Any]

COLUMNS = (
    "signature",
    "memo",
    "venue",
    "token_in",
    "token_out",
    "amount_in",
    "minimum_out",
    "last_valid_block_height",
    "expires_ms",
    "lands_ms",
    "slot",
    "amount_out",
    "error_code",
    "legs",
    "priority_fee",
)


class SimulatedChain(Chain):
    """Settles on `dexes`; `latency` scales the time a transaction needs to land, 0 lets it land at once."""

    def __init__(
        self,
        database: Database,
        dexes: Mapping[str, Dex],
        slots: Slots,
        *,
        clock: Clock,
        faults: Faults,
        latency: float,
        launchpad: Launchpad,
    ) -> None:
        self._launchpad = launchpad
        self._database = database
        self._dexes = dexes
        self._slots = slots
        self._clock = clock
        self._faults = faults
        self._latency = latency
        self._store = Batcher(self._store_all)
        self._status = Batcher(self._status_of_all)

    async def latest_blockhash(self) -> tuple[str, int]:
        """`(blockhash, last_valid_block_height)`."""
        return self._slots.latest_blockhash(self._now_ms())

    async def block_height(self) -> int:
        """The height now."""
        return self._slots.height(self._now_ms())

    async def send(self, transaction: SignedTransaction) -> str:
        """Raises BlockhashExpired, TransactionFailed (refused), TimeoutError, TemporarilyUnavailable."""
        signature, message = verify(transaction.raw)
        await self._launchpad.know(
            (message.mint_in, message.mint_out, *(leg.mint_in for leg in message.legs))
        )
        token_in, token_out = self._token(message.mint_in), self._token(message.mint_out)
        if message.legs:
            _check_legs(message)

        async def strikes(kind: Kind, occasion: str | None = None) -> bool:
            return await self._faults.strike(kind, message.venue, token_in, token_out, message.memo, occasion)

        now_ms = self._now_ms()
        lands_ms = now_ms + self._landing_ms(signature)
        if not self._is_alive(message, now_ms):
            raise BlockhashExpired("The transaction's blockhash is not valid any more.")
        row: Row = {
            "signature": signature,
            "memo": message.memo,
            "venue": message.venue,
            "token_in": token_in.symbol,
            "token_out": token_out.symbol,
            "amount_in": message.amount_in,
            "minimum_out": message.minimum_out,
            "last_valid_block_height": message.last_valid_block_height,
            "expires_ms": self._slots.end_ms(message.last_valid_block_height),
            "priority_fee": message.priority_fee,
        }
        if self._is_alive(message, lands_ms) and not await strikes(Kind.SEND_DROPPED):
            fails = await strikes(Kind.SLIPPAGE, signature)
            fill = {"error_code": SlippageExceeded.code} if fails else self._fill(message, lands_ms)
            row |= {"lands_ms": lands_ms, "slot": self._slots.height(lands_ms), **fill}
        await self._store(row)
        if await strikes(Kind.REPLY_LOST):
            raise TimeoutError("The chain did not answer in time.")
        return signature

    async def status(self, signature: str) -> TransactionStatus:
        """What became of a transaction; None until it has landed. Raises TemporarilyUnavailable."""
        return await self._status(signature)

    def _fill(self, message: Message, at_ms: int) -> Row:
        """`amount_out` of the swap at that instant, or the `error_code` it fails with."""
        try:
            fills = self._fill_legs(message, at_ms)
        except (InsufficientLiquidity, PoolNotOpen) as error:
            return {"error_code": error.code}
        amount_out = sum(fill.amount_out for fill in fills if fill.token_out.mint == message.mint_out)
        if amount_out < message.minimum_out:
            return {"error_code": SlippageExceeded.code}
        return {"amount_out": amount_out, "legs": _legs_json(fills) if message.legs else None}

    def _fill_legs(self, message: Message, at_ms: int) -> list[Quote]:
        """What each leg gives at that instant. Raises InsufficientLiquidity or PoolNotOpen: none is done."""
        fills: list[Quote] = []
        given: dict[str, int] = {}  # of what only passes through, by mint
        for leg in message.legs or [Leg(message.venue, message.mint_in, message.mint_out, message.amount_in)]:
            amount_in = leg.amount_in if leg.mint_in == message.mint_in else given.pop(leg.mint_in, 0)
            token_in, token_out = self._token(leg.mint_in), self._token(leg.mint_out)
            fill = self._dexes[leg.venue].quote_at(token_in, token_out, amount_in, at_ms)
            given[leg.mint_out] = given.get(leg.mint_out, 0) + fill.amount_out
            fills.append(fill)
        return fills

    def _token(self, mint: str) -> Token:
        token = self._launchpad.token(mint)
        if token is None:
            raise TransactionFailed(f"The chain knows no mint {mint}.")
        return token

    def _is_alive(self, message: Message, at_ms: int) -> bool:
        return self._slots.admits(message.blockhash, message.last_valid_block_height, at_ms)

    def _landing_ms(self, signature: str) -> int:
        """How long a transaction takes to land: drawn by its signature, the same wherever it is sent."""
        least, most = LANDING_MS
        drawn = int.from_bytes(sha256(signature.encode()).digest()[:4])
        return int((least + (most - least) * drawn / 2**32) * self._latency)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    async def _store_all(self, rows: Sequence[Row]) -> Sequence[None]:
        columns = {column: [row.get(column) for row in rows] for column in COLUMNS}
        await self._database.run("store_transactions", **columns)
        return [None] * len(rows)

    async def _status_of_all(self, signatures: Sequence[str]) -> Sequence[TransactionStatus]:
        rows = await self._database.run(
            "landed_transactions", signature=list(signatures), now_ms=self._now_ms()
        )
        landed = {row["signature"]: _status(row) for row in rows}
        return [landed.get(signature) for signature in signatures]


def _status(row: Row) -> Landed | ProgramError:
    if row["error_code"] is None:
        return Landed(row["slot"], row["amount_out"], NETWORK_FEE, row["priority_fee"])
    return ProgramError(row["slot"], _PROGRAM_ERRORS[row["error_code"]]())


def _legs_json(fills: Sequence[Quote]) -> str:
    return json.dumps(
        [
            {
                "venue": fill.venue,
                "tokenIn": fill.token_in.symbol,
                "tokenOut": fill.token_out.symbol,
                "amountIn": fill.amount_in,
                "amountOut": fill.amount_out,
            }
            for fill in fills
        ]
    )


def _check_legs(message: Message) -> None:
    """Raise TransactionFailed unless the legs sell what the message says, and nothing else is left of it."""
    sold = sum(leg.amount_in for leg in message.legs if leg.mint_in == message.mint_in)
    given = {leg.mint_out for leg in message.legs}
    used = {message.mint_in, message.mint_out} | {leg.mint_in for leg in message.legs}
    if sold != message.amount_in or not given <= used:
        raise TransactionFailed("The transaction's legs are not the swap it is for.")
