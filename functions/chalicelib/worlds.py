"""The worlds that orders can be traded in: which package each is, by the name that the setting WORLD gives.

A world is a package with a module `world` that has `build(config, database)`, which gives a
`ports.trading.World`. What it keeps in Postgres is its own: numbered migrations and named statements in its
folder `sql/`.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from .config import Config, ConfigError

if TYPE_CHECKING:
    from .adapters.postgres.database import Database
    from .ports.trading import World

WORLDS = {"simulated": "simulation"}


def build(config: Config, database: Database) -> World:
    """The world that the settings name. Raises ConfigError."""
    world: World = import_module(f".{_package(config.world)}.world", __package__).build(config, database)
    return world


def schema(world: str) -> Path:
    """The folder of a world's migrations, which may not exist. Raises ConfigError."""
    return Path(__file__).parent / _package(world) / "sql"


def _package(world: str) -> str:
    if world not in WORLDS:
        raise ConfigError(f"WORLD={world!r} must be one of {', '.join(WORLDS)}")
    return WORLDS[world]
