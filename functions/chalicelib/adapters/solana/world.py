"""Solana as the settings describe it: venues that Jupiter asks, the cluster they settle on, and the wallet.

A function that only quotes asks Jupiter alone: it has neither the key nor a connection to a node.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import TYPE_CHECKING

from ...config import Config, ConfigError
from ...domain.launch import Launch
from ...domain.tokens import find_token
from ...ports.launches import Launches
from ...ports.trading import Chain, Venue, World
from .guards import SQL, Database
from .jupiter import Jupiter
from .rpc import Rpc
from .switch import HALTED_BY_SETTING
from .venue import JupiterVenue

if TYPE_CHECKING:
    from .guards import Caps
    from .preparation import Preparation
    from .wallet import Wallet

SIGNATURES_FEE = 10_000  # lamports: the wallet's signature, and one of the venue
SOLDERS_MISSING = (
    "WORLD=solana needs the packages of functions/solana.txt, which are not installed here: "
    "pip install -r functions/solana.txt"
)


def build(config: Config, database: Database) -> World:
    """The world of a real cluster. Raises ConfigError."""
    return SolanaWorld(config, database)


class SolanaWorld(World):
    """Raises ConfigError where a setting is missing or wrong; a wrong key is reported with the signer."""

    def __init__(self, config: Config, database: Database) -> None:
        config.require("solana_rpc_urls")
        _check_mainnet(config)
        _check_fee(config)
        self._caps = caps_of(config)
        self._config = config
        self._database = database
        database.load(SQL / "queries.sql")
        self._jupiter = Jupiter(config.jupiter_url, _key_reader(config))
        self._rpc = Rpc(_listed(config.solana_rpc_urls), config.solana_cluster)

    @cached_property
    def venues(self) -> Mapping[str, Venue]:
        """Each DEX that SOLANA_VENUES names."""
        named = (each.split("=", 1) for each in _listed(self._config.solana_venues))
        return {
            name.strip(): JupiterVenue(name.strip(), label.strip(), self._jupiter, lambda: self._preparation)
            for name, label in named
        }

    @cached_property
    def chain(self) -> Chain:
        """The cluster."""
        from .chain import RpcChain

        return RpcChain(self._rpc, self.signer.address, self._config.solana_commitment)

    @cached_property
    def signer(self) -> Wallet:
        """The trading wallet. Raises ConfigError."""
        try:
            from .keys import KeyUnusable, load_key
            from .wallet import Wallet
        except ImportError as error:
            raise ConfigError(SOLDERS_MISSING) from error
        config = self._config
        secret = _password_of(config.solana_key_secret, config) if config.solana_key_secret else None
        try:
            key = load_key(config.solana_key_file, config.solana_key, secret)
        except KeyUnusable as error:
            # without the context: a traceback shows no part of it
            raise ConfigError(f"{error} (KEY_UNUSABLE)") from None
        return Wallet(key, programs=_programs(config), max_fee=config.solana_max_fee)

    @property
    def launches(self) -> Launches:
        """None: pools of a real cluster are not watched."""
        return NoLaunches()

    async def set_halt(self, reason: str | None) -> str | None:
        """Have each process sign nothing, or again. Halted it stays where SOLANA_HALTED says so."""
        await self._database.run("set_halt", halted=reason is not None, reason=reason or "")
        return HALTED_BY_SETTING if self._config.solana_halted == "yes" else reason

    async def close(self) -> None:
        """Close the connections."""
        self._jupiter.close()
        self._rpc.close()

    @cached_property
    def _preparation(self) -> Preparation:
        from .balances import Balances
        from .blockhashes import Blockhashes
        from .guards import Guards
        from .preflight import Preflight
        from .preparation import Preparation
        from .switch import Switch

        config, rpc, wallet = self._config, self._rpc, self.signer
        balances = Balances(rpc, wallet.address, config.solana_commitment)
        is_dry = config.solana_simulate == "only"
        return Preparation(
            self._jupiter,
            Blockhashes(rpc),
            wallet.address,
            Guards(self._database, self._caps, balances),
            Preflight(rpc, wallet, always=config.solana_simulate == "always", is_dry=is_dry),
            Switch(self._database, is_halted=config.solana_halted == "yes"),
            priority_fee=config.solana_priority_fee,
        )


class NoLaunches(Launches):
    """There are no launches."""

    async def detected(self, limit: int) -> Sequence[Launch]:
        """None."""
        return ()

    async def take(self, launches: Sequence[Launch]) -> None:
        """There is nothing to take."""


def caps_of(config: Config) -> Caps:
    """The caps in base units, by mint. Raises ConfigError."""
    from .guards import Caps

    return Caps(
        _amounts("SOLANA_ORDER_CAPS", config.solana_order_caps),
        _amounts("SOLANA_DAY_CAPS", config.solana_day_caps),
        are_needed=config.solana_cluster == "mainnet",
    )


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
        if not units.is_finite() or units <= 0 or units != int(units):
            raise ConfigError(f"{name}: {part!r} is no amount of {symbol}")
        found[token.mint] = int(units)
    return found


def _programs(config: Config) -> frozenset[str]:
    from solders.pubkey import Pubkey

    programs = _listed(config.solana_programs)
    for program in programs:
        try:
            Pubkey.from_string(program)
        except ValueError:
            raise ConfigError(f"SOLANA_PROGRAMS: {program!r} is no address of a program") from None
    return frozenset(programs)


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _key_reader(config: Config) -> Callable[[], str]:
    """Jupiter's API key, where it is."""
    if config.jupiter_api_key_secret:
        return _password_of(config.jupiter_api_key_secret, config)
    return lambda: config.jupiter_api_key


def _password_of(arn: str, config: Config) -> Callable[[], str]:
    from ..aws.secrets import Secret

    secret = Secret(arn, endpoint_url=config.aws_endpoint_url)
    return lambda: secret.read().password
