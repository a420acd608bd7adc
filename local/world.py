"""The world that an engine on this machine trades in: installed and checked before anything is served."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chalicelib.config import Config, ConfigError
from chalicelib.domain.errors import SigningRefused
from chalicelib.worlds import schema

from .environments import add_packages


def prepare(config: Config) -> None:
    """Have its packages here. Raises ConfigError if there is no such world, ServiceError."""
    schema(config.world)
    if config.world == "solana":
        add_packages("solana")


async def check(config: Config) -> None:
    """Find out whether its settings are right. Raises ConfigError.

    A node that is away at the moment is no reason not to start.
    """
    if config.world != "solana":
        return
    from chalicelib.adapters.solana.world import SolanaWorld

    world = SolanaWorld(config, NoOrders())
    try:
        _ = world.signer
        await world.chain.latest_blockhash()
    except SigningRefused as refused:
        raise ConfigError(f"{refused} ({refused.code})") from None
    except (OSError, TimeoutError):
        pass
    finally:
        await world.close()


def wallet_address(config: Config) -> str:
    """The address of the wallet of WORLD=solana. Raises ConfigError."""
    from chalicelib.adapters.solana.world import SolanaWorld

    return SolanaWorld(config, NoOrders()).signer.address


class NoOrders:
    """`adapters.solana.guards.Database` without orders: nothing is reserved, and trading is not halted."""

    def load(self, queries: Path) -> None:
        """Nothing: no statement is run."""

    async def run(self, name: str, **columns: Any) -> list[dict[str, Any]]:
        """The rows of a statement."""
        if name == "read_halt":
            return [{"since": None, "reason": ""}]
        return [
            {"order_id": order_id, "reserved": 0, "spent": 0} for order_id in columns.get("order_ids", ())
        ]
