"""The command line: `python -m local COMMAND`, a module for each command."""

from __future__ import annotations

from .commands import cli

__all__ = ["cli"]
