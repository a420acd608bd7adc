"""From an order to its signed swap: quotes → best route, within limits → minimum received → build → sign."""

from __future__ import annotations

from collections.abc import Mapping

from ...domain.errors import ChainUnavailable
from ...domain.order import Order
from ...domain.routing import Quote, Route, minimum_received
from ...ports import tracing
from ...ports.trading import Chain, SignedTransaction, Signer, Swap, Venue
from ..quoting import Quoting
from .both import both


class Routing:
    """Finds an order's route and signs its swap."""

    def __init__(self, quoting: Quoting, venues: Mapping[str, Venue], chain: Chain, signer: Signer) -> None:
        self._quoting = quoting
        self._venues = venues
        self._chain = chain
        self._signer = signer

    async def route(self, order: Order) -> tuple[Route, SignedTransaction]:
        """The best route now, and its swap with the order's id as the memo. Raises AttemptFailed."""
        # The blockhash is valid for a minute, so it is read while the venues quote.
        quoted, (blockhash, last_valid) = await both(
            self._quoting.best(order.terms), self._latest_blockhash()
        )
        if quoted.refusal is not None:
            raise quoted.refusal
        quote = quoted.chosen
        slippage_bps = await self._quoting.slippage_bps(order.terms, quote)
        minimum_out = minimum_received(quote.amount_out, order.terms, slippage_bps)
        with tracing.span("build", venue=quote.venue):
            swap = await self._build(quote, minimum_out, order.id)
        transaction = self._signer.sign(swap, order.id, blockhash, last_valid)
        return Route(quote, minimum_out, quoted.answers, slippage_bps), transaction

    async def _build(self, quote: Quote, minimum_out: int, memo: str) -> Swap:
        """The swap of the whole route; of several legs none has a minimum of its own."""
        if not quote.legs:
            return await self._venues[quote.venue].build(quote, minimum_out, memo)
        legs = [await self._venues[leg.venue].build(leg, 0, memo) for leg in quote.legs]
        return Swap(quote.venue, quote.token_in, quote.token_out, quote.amount_in, minimum_out, tuple(legs))

    async def _latest_blockhash(self) -> tuple[str, int]:
        try:
            return await self._chain.latest_blockhash()
        except (OSError, TimeoutError) as error:
            raise ChainUnavailable from error
