"""From an order to its signed swap: quotes → best quote → limits → minimum received → build → sign."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...domain.errors import ChainUnavailable
from ...domain.order import Order
from ...domain.routing import Quote, Route, minimum_received
from ...ports.trading import Chain, SignedTransaction, Signer, Venue
from ..quoting import Quoting, choose
from .both import both


class Routing:
    """Finds an order's route and signs its swap. `admit` raises AttemptFailed for a quote beyond limits."""

    def __init__(
        self,
        quoting: Quoting,
        venues: Mapping[str, Venue],
        chain: Chain,
        signer: Signer,
        admit: Callable[[Quote], None],
    ) -> None:
        self._quoting = quoting
        self._venues = venues
        self._chain = chain
        self._signer = signer
        self._admit = admit

    async def route(self, order: Order) -> tuple[Route, SignedTransaction]:
        """The best route now, and its swap with the order's id as the memo. Raises AttemptFailed."""
        # The blockhash is valid for a minute, so it is read while the venues quote.
        answers, (blockhash, last_valid) = await both(
            self._quoting.ask(order.terms), self._latest_blockhash()
        )
        quote = choose(answers)
        self._admit(quote)
        minimum_out = minimum_received(quote.amount_out, order.terms.slippage_bps)
        swap = await self._venues[quote.venue].build(quote, minimum_out)
        transaction = self._signer.sign(swap, order.id, blockhash, last_valid)
        return Route(quote, minimum_out, answers), transaction

    async def _latest_blockhash(self) -> tuple[str, int]:
        try:
            return await self._chain.latest_blockhash()
        except (OSError, TimeoutError) as error:
            raise ChainUnavailable from error
