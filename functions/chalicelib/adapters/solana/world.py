"""Solana as the settings describe it: venues that Jupiter asks, the cluster they settle on, and the wallet.

A function that only quotes asks Jupiter alone: it has neither the key nor a connection to a node.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from ...config import Config, ConfigError
from ...domain.launch import Launch
from ...ports.launches import Launches
from ...ports.trading import Chain, Venue, World
from . import settings
from .guards import SQL, Database
from .switch import HALTED_BY_SETTING
from .venue import JupiterVenue

if TYPE_CHECKING:
    from ..aws.secrets import Secret
    from .preparation import Preparation
    from .wallet import Wallet

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
        settings.check(config)
        self._caps = settings.caps(config)
        self._config = config
        self._database = database
        database.load(SQL / "queries.sql")
        self._jupiter = settings.jupiter(config, _api_key_of(config))
        self._rpc = settings.nodes(config)

    @cached_property
    def venues(self) -> Mapping[str, Venue]:
        """Each DEX that SOLANA_VENUES names."""
        return {
            name: JupiterVenue(name, label, self._jupiter, lambda: self._preparation)
            for name, label in settings.venues(self._config).items()
        }

    @cached_property
    def chain(self) -> Chain:
        """The cluster."""
        from .chain import RpcChain

        return RpcChain(self._rpc, self._config.solana_commitment)

    @cached_property
    def signer(self) -> Wallet:
        """The trading wallet. Raises ConfigError."""
        try:
            from .keys import KeyUnusable, load_key
            from .wallet import Wallet
        except ImportError as error:
            raise ConfigError(SOLDERS_MISSING) from error
        config = self._config
        secret = _secret_of(config.solana_key_secret, config)
        try:
            key = load_key(
                config.solana_key_file,
                config.solana_key,
                (lambda: secret.read().password) if secret else None,
            )
        except KeyUnusable as error:
            # without the context: a traceback shows no part of it
            raise ConfigError(f"{error} (KEY_UNUSABLE)") from None
        return Wallet(key, programs=settings.programs(config), max_fee=config.solana_max_fee)

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


def _api_key_of(config: Config) -> Callable[[], Awaitable[str]]:
    """What reads Jupiter's API key."""
    secret = _secret_of(config.jupiter_api_key_secret, config)

    async def read() -> str:
        return (await secret.current()).password if secret else config.jupiter_api_key

    return read


def _secret_of(arn: str, config: Config) -> Secret | None:
    if not arn:
        return None
    from ..aws.secrets import Secret

    return Secret(arn, endpoint_url=config.aws_endpoint_url)
