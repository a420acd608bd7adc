"""The worlds that orders can be traded in: which package each is, by the name that the setting WORLD gives.

A world is a package with a module `world` that has `build(config, database)`, which gives a
`ports.trading.World`, and perhaps a module `audit` whose `build` gives a `ports.trading.Audit`. What it keeps
in Postgres is its own: numbered migrations and named statements in its folder `sql/`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from .config import Config, ConfigError

if TYPE_CHECKING:
    from .adapters.postgres.database import Database
    from .ports.trading import Audit, World

WORLDS = {"simulated": "simulation", "solana": "adapters.solana"}


def build(config: Config, database: Database) -> World:
    """The world that the settings name. Raises ConfigError."""
    world: World = import_module(f".{_package(config.world)}.world", __package__).build(config, database)
    return world


def audit(config: Config, database: Callable[[], Database]) -> Audit | None:
    """What compares the world's chain with the orders; None where it has no module `audit`."""
    package = _package(config.world)
    if not (_folder(config.world) / "audit.py").exists():
        return None
    found: Audit = import_module(f".{package}.audit", __package__).build(config, database())
    return found


def schema(world: str) -> Path:
    """The folder of a world's migrations, which may not exist. Raises ConfigError."""
    return _folder(world) / "sql"


def _folder(world: str) -> Path:
    return Path(__file__).parent.joinpath(*_package(world).split("."))


def _package(world: str) -> str:
    if world not in WORLDS:
        raise ConfigError(f"WORLD={world!r} must be one of {', '.join(WORLDS)}")
    return WORLDS[world]
