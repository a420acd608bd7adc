"""Jupiter's Swap API: `GET /order`, without a taker for a quote, with one for a transaction.

https://dev.jup.ag/docs/swap-api
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any
from urllib.parse import urlencode

from ...domain.errors import InsufficientLiquidity, TemporarilyUnavailable, VenueUnavailable
from ...domain.routing import BPS, Quote
from ...domain.tokens import Token
from .endpoint import RATE_LIMITED, Endpoint

MOST_UNITS = 2**64 - 1  # base units that a token account holds
NO_ROUTE = ("Failed to get quotes", "NO_ROUTES_FOUND", "COULD_NOT_FIND_ANY_ROUTE", "TOKEN_NOT_TRADABLE")
"""Parts of the errors that say that the pools can't fill it."""


class Jupiter:
    """The Swap API at `url`, which ends before `/order`; `api_key` gives the key for it, or "".

    Raises ValueError.
    """

    def __init__(self, url: str, api_key: Callable[[], Awaitable[str]]) -> None:
        self._endpoint = Endpoint(url)
        self._api_key = api_key

    async def order(
        self, token_in: Token, token_out: Token, amount_in: int, **more: str
    ) -> Mapping[str, Any]:
        """The answer of `/order`. Raises VenueUnavailable, InsufficientLiquidity."""
        pair = {"inputMint": token_in.mint, "outputMint": token_out.mint, "amount": str(amount_in)}
        headers = {"accept": "application/json"}
        try:
            if key := await self._api_key():
                headers["x-api-key"] = key
            answer = await self._endpoint.get(f"/order?{urlencode(pair | more)}", headers)
        except OSError as error:
            raise VenueUnavailable(f"Jupiter does not answer: {error or type(error).__name__}.") from error
        except TemporarilyUnavailable as error:
            raise VenueUnavailable("The key for Jupiter can't be read right now.") from error
        found = answer.found
        if answer.status == RATE_LIMITED:
            raise VenueUnavailable("Jupiter limits our requests.")
        if answer.status == 200 and found is not None:
            return found
        said = str((found or {}).get("error", f"it answers {answer.status}"))
        if any(part in said for part in NO_ROUTE):
            raise InsufficientLiquidity(f"Jupiter finds no route: {said}.")
        raise VenueUnavailable(f"Jupiter could not quote: {said}.")

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._endpoint.close()


def quote_of(name: str, token_in: Token, token_out: Token, amount_in: int, found: Mapping[str, Any]) -> Quote:
    """The quote in an answer of `/order`. Raises VenueUnavailable, InsufficientLiquidity."""
    amount_out = amount_of(found, "outAmount")
    if amount_out <= 0:
        raise InsufficientLiquidity(f"{name} gives nothing for it.")
    try:
        fee, impact_bps, pool = _fee(found, amount_in), _impact_bps(found), _pool(found)
    except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        raise VenueUnavailable("Jupiter's answer has another form than its quotes have.") from error
    return Quote(name, token_in, token_out, amount_in, amount_out, fee, impact_bps, pool)


def _pool(found: Mapping[str, Any]) -> str:
    """The pool's address, empty where there are several."""
    plan = found.get("routePlan") or []
    return str(plan[0]["swapInfo"].get("ammKey", "")) if len(plan) == 1 else ""


def _fee(found: Mapping[str, Any], amount_in: int) -> int:
    """What is taken of the input, base units: by the router, and by pools as far as they say so."""
    swaps = [step["swapInfo"] for step in found.get("routePlan") or ()]
    pools = sum(int(swap["feeAmount"]) for swap in swaps if swap.get("feeMint") == found.get("inputMint"))
    return amount_in * int(found.get("feeBps") or 0) // BPS + pools


def _impact_bps(found: Mapping[str, Any]) -> int:
    """`priceImpact` is in per cent, negative is worse."""
    worse = -Decimal(str(found.get("priceImpact") or 0)) * 100
    return max(0, int(worse.to_integral_value(ROUND_CEILING)))


def amount_of(found: Mapping[str, Any], name: str) -> int:
    """An amount in an answer of `/order`, base units. Raises VenueUnavailable."""
    text = str(found.get(name, ""))
    is_amount = text.isascii() and text.isdigit() and len(text) <= len(str(MOST_UNITS))
    if not is_amount or int(text) > MOST_UNITS:
        raise VenueUnavailable(f"Jupiter's answer has no {name} that is an amount.")
    return int(text)
