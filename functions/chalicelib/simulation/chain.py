"""The simulated chain: time makes its blocks, Postgres remembers its transactions (schema `sim`).

`send` verifies a transaction, decides at once when it lands and what it gives there (the market is a function
of time, so the instant need not have come), and stores that. `status` tells it once the instant has come. A
signature lands at most once, whatever is sent again; two different transactions of one order would both land,
and the view `sim.swaps` would show it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from ..batcher import Batcher
from ..domain.errors import (
    AttemptFailed,
    BlockhashExpired,
    InsufficientLiquidity,
    SlippageExceeded,
    TransactionFailed,
)
from ..domain.tokens import Token, find_token
from ..ports.trading import Chain, Landed, ProgramError, SignedTransaction, TransactionStatus
from .database import Database
from .fault_rules import Kind
from .faults import Faults
from .slots import Slots
from .transaction import Message, verify
from .venue import Clock, Dex

LANDING_MS = (2000, 3000)

_PROGRAM_ERRORS: dict[str, type[AttemptFailed]] = {
    error.code: error for error in (SlippageExceeded, InsufficientLiquidity)
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
    ) -> None:
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
        token_in, token_out = _token(message.mint_in), _token(message.mint_out)

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
        dex = self._dexes[message.venue]
        token_in, token_out = _token(message.mint_in), _token(message.mint_out)
        try:
            amount_out = dex.quote_at(token_in, token_out, message.amount_in, at_ms).amount_out
        except InsufficientLiquidity as error:
            return {"error_code": error.code}
        if amount_out < message.minimum_out:
            return {"error_code": SlippageExceeded.code}
        return {"amount_out": amount_out}

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
        return Landed(row["slot"], row["amount_out"])
    return ProgramError(row["slot"], _PROGRAM_ERRORS[row["error_code"]]())


def _token(mint: str) -> Token:
    token = find_token(mint)
    if token is None:
        raise TransactionFailed(f"The chain knows no mint {mint}.")
    return token
