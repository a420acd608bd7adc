"""Jupiter's Swap API: `GET /order`, without a taker for a quote, with one for a transaction.

https://dev.jup.ag/docs/swap-api
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from ...domain.errors import InsufficientLiquidity, VenueUnavailable
from ...domain.routing import BPS, Quote
from ...domain.tokens import Token
from ..http_connections import Answer, HttpConnections
from .rpc import DEFAULT_PORTS, RATE_LIMITED

CONNECT_S, ANSWER_S = 2.0, 5.0
CONNECTIONS = 16
NO_ROUTE = ("Failed to get quotes", "NO_ROUTES_FOUND", "COULD_NOT_FIND_ANY_ROUTE", "TOKEN_NOT_TRADABLE")
"""Parts of the errors that say that the pools can't fill it."""


class Jupiter:
    """The Swap API at `url`, which ends before `/order`; `api_key` gives the key for it, or ""."""

    def __init__(self, url: str, api_key: Callable[[], str]) -> None:
        parts = urlsplit(url)
        if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
            raise ValueError("JUPITER_URL is an http:// or https:// URL")
        self._path = parts.path.rstrip("/")
        self._host = parts.netloc.rpartition("@")[2]
        self._api_key = api_key
        self._http = HttpConnections(
            parts.hostname,
            parts.port or DEFAULT_PORTS[parts.scheme],
            ssl.create_default_context() if parts.scheme == "https" else None,
            connections=CONNECTIONS,
            connect_s=CONNECT_S,
            answer_s=ANSWER_S,
        )

    async def order(
        self, token_in: Token, token_out: Token, amount_in: int, **more: str
    ) -> Mapping[str, Any]:
        """The answer of `/order`. Raises VenueUnavailable, InsufficientLiquidity."""
        pair = {"inputMint": token_in.mint, "outputMint": token_out.mint, "amount": str(amount_in)}
        parameters = pair | more
        head = f"GET {self._path}/order?{urlencode(parameters)} HTTP/1.1\r\nhost: {self._host}\r\n"
        if key := self._api_key():
            head += f"x-api-key: {key}\r\n"
        message = f"{head}accept: application/json\r\n\r\n".encode()
        try:
            answer = await self._http.request(lambda: message)
        except OSError as error:
            raise VenueUnavailable(f"Jupiter does not answer: {error or type(error).__name__}.") from error
        found = _object(answer)
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
        self._http.close()


def quote_of(name: str, token_in: Token, token_out: Token, amount_in: int, found: Mapping[str, Any]) -> Quote:
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
    text = str(found.get(name, ""))
    if not text.isascii() or not text.isdigit():
        raise VenueUnavailable(f"Jupiter's answer has no {name}.")
    return int(text)


def _object(answer: Answer) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        return None
    return found if isinstance(found, dict) else None
