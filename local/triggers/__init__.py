"""Lambda's part on a developer's machine: what invokes functions that no request does."""

from __future__ import annotations

from .mapping import EventSourceMapping, Source
from .schedule import LocalRelayLauncher, Schedule
from .sources import DirectQueue, DirectSource, PolledSource

__all__ = [
    "DirectQueue",
    "DirectSource",
    "EventSourceMapping",
    "LocalRelayLauncher",
    "PolledSource",
    "Schedule",
    "Source",
]
