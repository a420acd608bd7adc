"""What the engine consists of, each part an async context manager: composed in one process, or one in each.

    functions   the Chalice app's runtime, on the loop that enters it     in every process
    gateway     API Gateway in front of the functions                     clients ⇄ gateway
    worker      the queue's event source mapping, and the sweep           queue → worker
    relay       the relays, and what keeps them going                     Redis → relay → gateway → clients

`local/engine.py` composes them for one process, `local/separate/` for three.
"""

from __future__ import annotations

from .functions import prepare_environment, running_functions
from .gateway import serving
from .relay import keeping_relays
from .worker import polled_source, working

__all__ = [
    "keeping_relays",
    "polled_source",
    "prepare_environment",
    "running_functions",
    "serving",
    "working",
]
