"""Settings on a developer's machine: options over the environment over `.env` over what suits one machine."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from chalicelib.config import Config, ConfigError
from chalicelib.simulation import fault_rules
from dotenv import load_dotenv

from . import ROOT

BEGAN = time.monotonic()  # near enough to the start of the process
STATE = ROOT / ".local"
DOTENV = ROOT / ".env"

DEFAULTS = {"SWEEP_AFTER_MS": "5000", "RELAY_LEASE_MS": "2000", "TRIGGER_SECONDS": "0"}
"""Where one machine is better off with other defaults than the cloud: what looks after the lost comes by more
often, and an engine that was killed and started again need not wait for the leases of the one before."""


def read_dotenv(path: Path = DOTENV) -> None:
    """Put what `.env` sets into the environment, save what is set there already."""
    load_dotenv(path, interpolate=False)


def settings(environ: Mapping[str, str] = os.environ, **options: object) -> dict[str, str]:
    """The environment to load a Config from; an option that is None was not given."""
    given = {name: value for name, value in environ.items() if value.strip()}
    chosen = {name.upper(): str(value) for name, value in options.items() if value is not None}
    return {**DEFAULTS, **given, **chosen}


def check_faults(config: Config) -> None:
    """Raises ConfigError if SIM_FAULTS has no rules of the simulation, or of the local Solana node."""
    if config.world != "solana":
        fault_rules.parse(config.sim_faults)
        return
    from .servers.solana.faults import Faults, WrongRule

    try:
        Faults(config.sim_faults)
    except WrongRule as error:
        raise ConfigError(f"SIM_FAULTS: {error}") from None
