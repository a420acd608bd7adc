"""Launches to be announced: by a command, or by the setting SIM_LAUNCHES, whose text is read here.

SIM_LAUNCHES is a list of launches separated by `;`, each `SYMBOL price=0.001 liquidity=100 [in=5s] …`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from ..config import ConfigError
from ..domain.terms import MAX_BASE_UNITS
from ..domain.tokens import EXACT, HUBS, Token, is_mint, listed_token, new_token
from .launchpad import mint_of
from .market import NOISE
from .pool import pool_address

MAX_DECIMALS = 18
_UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
_SYMBOL = re.compile(r"[A-Za-z0-9]{1,16}", re.ASCII)
_DELAY = re.compile(r"([0-9]{1,9})(ms|s|m|h)", re.ASCII)


class LaunchError(ValueError):
    """A launch that can't be; the message says why."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A launch: `price` for each new token, and `liquidity` in the pool, both in tokens `against`.

    Where `mint` is not chosen, the symbol decides it, so that it is known before.
    """

    symbol: str
    price: Decimal
    liquidity: Decimal
    decimals: int = 6
    venue: str = "raydium"
    against: Token = HUBS[0]
    opens_in_ms: int = 0
    mint: str = ""

    def row(self) -> dict[str, Any]:
        """The columns of the statement `launch_pools`. Raises LaunchError."""
        mint = self.mint or mint_of(self.symbol)
        if not _SYMBOL.fullmatch(self.symbol):
            raise LaunchError(f"{self.symbol!r} is not a symbol of 1 to 16 letters and digits")
        if not is_mint(mint):
            raise LaunchError(f"{mint!r} is not a mint, which is 32 bytes in base58")
        if listed_token(mint) or listed_token(self.symbol):
            raise LaunchError(f"{self.symbol} is traded already")
        if self.price <= 0 or self.liquidity <= 0:
            raise LaunchError("price and liquidity must be above zero")
        liquidity = _units(self.liquidity, self.against.decimals)
        supply = _units(EXACT.divide(self.liquidity, self.price), self.decimals)
        if not (0 < liquidity <= MAX_BASE_UNITS and 0 < supply <= MAX_BASE_UNITS):
            raise LaunchError("the pool would hold less than one base unit, or more than a pool can")
        return {
            "pool": pool_address(self.venue, self.against, new_token(mint)),
            "venue": self.venue,
            "mint": mint,
            "symbol": self.symbol,
            "decimals": self.decimals,
            "against": self.against.symbol,
            "liquidity": liquidity,
            "supply": supply,
            "opens_in_ms": self.opens_in_ms,
        }


def parse(text: str) -> tuple[Plan, ...]:
    """The launches of SIM_LAUNCHES, in their order. Raises ConfigError."""
    return tuple(_plan(" ".join(part.split())) for part in text.split(";") if part.strip())


def _plan(text: str) -> Plan:
    symbol, *options = text.split()
    given: dict[str, Any] = {}
    for option in options:
        name, _, value = option.partition("=")
        field, read = _OPTIONS.get(name, ("", str))
        if not field or field in given:
            raise _wrong(text, f"{option!r} is not an option, or stands there twice")
        try:
            given[field] = read(value)
        except (ValueError, InvalidOperation):
            raise _wrong(text, f"{value!r} is not a {name}") from None
    if not {"price", "liquidity"} <= given.keys():
        raise _wrong(text, "there is no price, or no liquidity")
    plan = Plan(symbol, **given)
    try:
        plan.row()
    except LaunchError as error:
        raise _wrong(text, str(error)) from None
    return plan


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    if not number.is_finite():
        raise ValueError
    return number


def _decimals(text: str) -> int:
    if not 0 <= int(text) <= MAX_DECIMALS:
        raise ValueError
    return int(text)


def _venue(text: str) -> str:
    if text not in NOISE:
        raise ValueError
    return text


def _hub(text: str) -> Token:
    found = [token for token in HUBS if token.symbol == text]
    if not found:
        raise ValueError
    return found[0]


def delay_ms(text: str) -> int:
    """`5s` → 5000. Raises ValueError."""
    found = _DELAY.fullmatch(text)
    if found is None:
        raise ValueError
    return int(found[1]) * _UNITS_MS[found[2]]


_OPTIONS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "price": ("price", _decimal),
    "liquidity": ("liquidity", _decimal),
    "decimals": ("decimals", _decimals),
    "venue": ("venue", _venue),
    "against": ("against", _hub),
    "in": ("opens_in_ms", delay_ms),
    "mint": ("mint", str),
}


def _units(amount: Decimal, decimals: int) -> int:
    return int(amount.scaleb(decimals, EXACT))


def _wrong(launch: str, reason: str) -> ConfigError:
    return ConfigError(
        f"SIM_LAUNCHES: in the launch `{launch}`, {reason}. A launch is `SYMBOL price=… liquidity=… [in=5s] "
        f"[decimals=6] [venue=…] [against=…] [mint=…]`, and launches are separated by `;`. "
        f"venue: {', '.join(NOISE)}; against: {', '.join(token.symbol for token in HUBS)}"
    )
