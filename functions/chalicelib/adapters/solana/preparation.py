"""From a quote to a transaction that may be signed: admitted, prepared by the venue, inspected, simulated.

admit ─▶ /order with our wallet as its taker ─▶ blockhash known? ─▶ inspect, simulate ─▶ still not halted?
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from ...domain.errors import (
    AttemptFailed,
    InsufficientFunds,
    InsufficientLiquidity,
    SigningRefused,
    SlippageExceeded,
    VenueUnavailable,
)
from ...domain.routing import BPS, Quote
from ...domain.tokens import Token
from ...ports.trading import Prepared, Swap
from .blockhashes import Blockhashes
from .guards import Guards
from .inspection import parse
from .jupiter import Jupiter, amount_of
from .preflight import Preflight
from .switch import Switch

ASKED = 2  # times for a transaction, where the price moves meanwhile
LACKS = (1, 2)
"""Jupiter's `errorCode` of a wallet with too few tokens, and of one with too little SOL."""


class Preparation:
    """Prepares swaps of the wallet `taker`, each offering `priority_fee` lamports to be taken sooner."""

    def __init__(
        self,
        jupiter: Jupiter,
        blockhashes: Blockhashes,
        taker: str,
        guards: Guards,
        preflight: Preflight,
        switch: Switch,
        *,
        priority_fee: int,
    ) -> None:
        self._jupiter = jupiter
        self._blockhashes = blockhashes
        self._taker = taker
        self._guards = guards
        self._preflight = preflight
        self._switch = switch
        self._priority_fee = priority_fee

    async def swap(self, quote: Quote, minimum_out: int, memo: str, **only: str) -> Swap:
        """A swap whose transaction is firm, or refuses less than `minimum_out` by itself.

        `memo` is the order's id, `only` narrows Jupiter's choice of DEXes. Raises SlippageExceeded where the
        price has moved below the minimum since, SigningRefused, InsufficientFunds.
        """
        await self._guards.admit(memo, quote.token_in, quote.amount_in)
        raw = _transaction(await self._order(quote, minimum_out, memo, only))
        blockhash = str(parse(raw).message.recent_blockhash)
        prepared = Prepared(raw, blockhash, await self._blockhashes.end_of(blockhash))
        swap = Swap(
            quote.venue, quote.token_in, quote.token_out, quote.amount_in, minimum_out, prepared=prepared
        )
        await self._preflight.run(swap, memo)
        await self._switch.check()  # last, as all before it takes seconds where a server is slow
        return swap

    async def _order(
        self, quote: Quote, minimum_out: int, memo: str, only: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Jupiter's answer with a transaction that gives `minimum_out` or fails.

        It quotes again, and allows slippage below what it quotes now. So half of the room down to the minimum
        is for the price to move until then, and half for it to move until the transaction lands.
        """
        quoted_out = quote.amount_out
        for _ in range(ASKED):
            if quoted_out < minimum_out:
                break
            found = await self._ask(
                quote.token_in,
                quote.token_out,
                quote.amount_in,
                taker=self._taker,
                slippageBps=str((quoted_out - minimum_out) * BPS // quoted_out // 2),
                priorityFeeLamports=str(self._priority_fee),
                memo=memo,
                **only,
            )
            if amount_of(found, "otherAmountThreshold") >= minimum_out:
                return found
            quoted_out = amount_of(found, "outAmount")
        raise SlippageExceeded(f"{quote.venue} would not give the order's minimum any more.")

    async def _ask(self, token_in: Token, token_out: Token, amount_in: int, **more: str) -> Mapping[str, Any]:
        try:
            return await self._jupiter.order(token_in, token_out, amount_in, **more)
        except InsufficientLiquidity as error:  # there was a quote a moment ago, so there may be one again
            raise VenueUnavailable("The venue has withdrawn its quote.") from error


def _transaction(found: Mapping[str, Any]) -> bytes:
    text = found.get("transaction")
    if not text:
        raise _not_built(found)
    try:
        return base64.b64decode(str(text), validate=True)
    except ValueError:  # binascii.Error is one, and what is not ASCII raises another
        raise SigningRefused("Jupiter's transaction is not base64.", code="TRANSACTION_MALFORMED") from None


def _not_built(found: Mapping[str, Any]) -> AttemptFailed:
    """Why there is no transaction."""
    said = str(found.get("errorMessage") or "no reason given")
    if found.get("errorCode") in LACKS:
        return InsufficientFunds(f"The wallet can't pay for the order: {said}.")
    return VenueUnavailable(f"Jupiter prepared no transaction: {said}.")
