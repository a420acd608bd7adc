"""One attempt at one order: admission (claim) → routing (quotes, limits, signed swap) → settlement (chain).

`execution.py` holds the order of the steps; each step has a room of its own.
"""

from __future__ import annotations

from .admission import Outcome
from .execution import Execution, ExecutionLimits
from .settlement import Undecided

__all__ = ["Execution", "ExecutionLimits", "Outcome", "Undecided"]
