"""What is measured: our engine, another checkout of it, and the baseline."""

from __future__ import annotations

from .baseline import Baseline
from .engine import Engine, EngineError
from .ours import Ours

__all__ = ["Baseline", "Engine", "EngineError", "Ours"]
