"""Lambda's part on a developer's machine: what invokes functions that no request does."""

from __future__ import annotations

from .mapping import EventSourceMapping
from .relay import LocalRelayLauncher
from .schedule import Schedule

__all__ = ["EventSourceMapping", "LocalRelayLauncher", "Schedule"]
