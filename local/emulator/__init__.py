"""AWS on this machine, as far as the engine needs it: a deployed package runs in it as in the cloud.

`server.py` is the emulator, `cloud.py` the emulator with a Postgres and a Valkey for the deployed functions.
"""

from __future__ import annotations

from .cloud import Cloud
from .server import Emulator

__all__ = ["Cloud", "Emulator"]
