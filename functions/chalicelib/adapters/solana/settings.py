"""What the settings of WORLD=solana mean; wrong ones are reported by their names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal, InvalidOperation

from ...config import Config, ConfigError
from ...domain.tokens import find_token
from .guards import Caps
from .jupiter import Jupiter
from .rpc import Rpc

SIGNATURES_FEE = 10_000  # lamports: the wallet's signature, and one of the venue


def check(config: Config) -> None:
    """Raises ConfigError where settings are missing or contradict each other."""
    config.require("solana_rpc_urls")
    _check_mainnet(config)
    _check_fee(config)


def nodes(config: Config) -> Rpc:
    """The RPC nodes. Raises ConfigError."""
    try:
        return Rpc(_listed(config.solana_rpc_urls), config.solana_cluster)
    except ValueError as error:
        raise ConfigError(f"SOLANA_RPC_URLS: {error}") from None


def jupiter(config: Config, api_key: Callable[[], Awaitable[str]]) -> Jupiter:
    """Jupiter's Swap API. Raises ConfigError."""
    try:
        return Jupiter(config.jupiter_url, api_key)
    except ValueError as error:
        raise ConfigError(f"JUPITER_URL: {error}") from None


def venues(config: Config) -> dict[str, str]:
    """Each venue's name, and the DEX that it is by Jupiter's label."""
    named = (each.split("=", 1) for each in _listed(config.solana_venues))
    return {name.strip(): label.strip() for name, label in named}


def caps(config: Config) -> Caps:
    """The caps in base units, by mint. Raises ConfigError."""
    return Caps(
        _amounts("SOLANA_ORDER_CAPS", config.solana_order_caps),
        _amounts("SOLANA_DAY_CAPS", config.solana_day_caps),
        are_needed=config.solana_cluster == "mainnet",
    )


def programs(config: Config) -> frozenset[str]:
    """Addresses of the programs that may run beside the basic ones. Raises ConfigError."""
    from solders.pubkey import Pubkey  # which only what signs has

    addresses = _listed(config.solana_programs)
    for program in addresses:
        try:
            Pubkey.from_string(program)
        except ValueError:
            raise ConfigError(f"SOLANA_PROGRAMS: {program!r} is no address of a program") from None
    return frozenset(addresses)


def _check_mainnet(config: Config) -> None:
    if config.solana_cluster != "mainnet":
        return
    if config.solana_allow_mainnet != "yes":
        raise ConfigError(
            "SOLANA_CLUSTER=mainnet trades real money: set SOLANA_ALLOW_MAINNET=yes if that is meant."
        )
    config.require("solana_order_caps", "solana_day_caps")


def _check_fee(config: Config) -> None:
    if config.solana_priority_fee + SIGNATURES_FEE > config.solana_max_fee:
        raise ConfigError(
            f"SOLANA_PRIORITY_FEE={config.solana_priority_fee} and the {SIGNATURES_FEE} lamports of two "
            f"signatures are more than SOLANA_MAX_FEE={config.solana_max_fee}."
        )


def _amounts(name: str, text: str) -> dict[str, int]:
    """`SOL=1 USDC=200` as base units by mint."""
    found: dict[str, int] = {}
    for part in text.replace(",", " ").split():
        symbol, _, amount = part.partition("=")
        token = find_token(symbol)
        if token is None:
            raise ConfigError(f"{name}: {symbol!r} is no token that is traded")
        try:
            units = Decimal(amount).scaleb(token.decimals)
        except InvalidOperation:
            raise ConfigError(f"{name}: {part!r} is not TOKEN=AMOUNT") from None
        if token.mint in found:
            raise ConfigError(f"{name}: {symbol} has two amounts; name it once")
        if not units.is_finite() or units <= 0 or units != int(units):
            raise ConfigError(f"{name}: {part!r} is no amount of {symbol}")
        found[token.mint] = int(units)
    return found


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
