"""Lambda's part on a developer's machine: what invokes functions that no request does."""

from __future__ import annotations

from .direct import DirectQueue, DirectSource
from .mapping import EventSourceMapping, Source
from .polled import PolledSource
from .relay import LocalRelayLauncher
from .schedule import Schedule

__all__ = [
    "DirectQueue",
    "DirectSource",
    "EventSourceMapping",
    "LocalRelayLauncher",
    "PolledSource",
    "Schedule",
    "Source",
]
