"""`dlq`: the dead letters, looked at, redriven and deleted.

commands → work → services/redrive.py, and what came of it → letters, tally → the terminal
"""

from __future__ import annotations

from .commands import dlq

__all__ = ["dlq"]
