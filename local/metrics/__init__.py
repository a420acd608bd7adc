"""`/metrics` for Prometheus, on one machine.

registry.py     what this process has recorded
shared.py       its file in the state folder, where the engine has several processes: all of them are summed
exposition.py   Prometheus' text format
route.py        the answer to a request, for administrators where API keys are needed
"""

from __future__ import annotations

from .registry import Registry
from .route import MetricsRoute
from .shared import shared_by_processes

__all__ = ["MetricsRoute", "Registry", "shared_by_processes"]
