"""From an order's terms to a signed swap: quotes → best quote → minimum received → build → sign."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...domain.errors import ChainUnavailable
from ...domain.order import Order, Terms
from ...domain.routing import Quote, minimum_received
from ...ports.trading import Chain, SignedTransaction, Signer, Venue
from ..quoting import Answers, Quoting, choose
from .both import both


@dataclass(frozen=True, slots=True)
class Route:
    """The best quote among all answers, and the blockhash that the swap will be signed with."""

    answers: Answers
    quote: Quote
    minimum_out: int
    blockhash: str
    last_valid_block_height: int


class Routing:
    """Finds an order's route and signs the swap for it. Methods raise AttemptFailed."""

    def __init__(self, quoting: Quoting, venues: Mapping[str, Venue], chain: Chain, signer: Signer) -> None:
        self._quoting = quoting
        self._venues = venues
        self._chain = chain
        self._signer = signer

    async def find(self, terms: Terms) -> Route:
        """The best route at this moment."""
        # The blockhash is valid for a minute, so it is read while the venues quote.
        answers, (blockhash, last_valid) = await both(self._quoting.ask(terms), self._latest_blockhash())
        quote = choose(answers)
        minimum_out = minimum_received(quote.amount_out, terms.slippage_bps)
        return Route(answers, quote, minimum_out, blockhash, last_valid)

    async def sign(self, order: Order, route: Route) -> SignedTransaction:
        """The swap as a transaction that carries the order's id as its memo."""
        swap = await self._venues[route.quote.venue].build(route.quote, route.minimum_out)
        return self._signer.sign(swap, order.id, route.blockhash, route.last_valid_block_height)

    async def _latest_blockhash(self) -> tuple[str, int]:
        try:
            return await self._chain.latest_blockhash()
        except (OSError, TimeoutError) as error:
            raise ChainUnavailable from error
