"""How many connections the gateway holds: as many as there are descriptors for, less what the engine needs.

When there is no room for another, those that have waited longest for their client are closed for it. A
WebSocket is not, nor a connection whose request is being answered.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from enum import IntEnum
from operator import attrgetter
from typing import Protocol

try:
    import resource
except ImportError:  # Windows, which has no such limit
    resource = None  # type: ignore[assignment]

MOST_DESCRIPTORS = 65_536  # where the hard limit is higher, or none
LEAST_RESERVE = 64  # descriptors for the servers behind the engine, files and pipes
CLOSED_AT_ONCE = 20  # one in so many, so that not each new connection looks for one to close

log = logging.getLogger(__name__)


class Phase(IntEnum):
    """What an HTTP connection waits for; those that are closed first when there is no room come first."""

    WAITING = 0
    HEAD = 1
    BODY = 2
    ANSWERING = 3


class Client(Protocol):
    """A connection that may be closed while it waits for its client."""

    phase: Phase
    since: float

    def abort(self) -> None:
        """Close at once and discard what is buffered."""


class ConnectionLimit:
    """At most `most` connections, WebSockets included."""

    def __init__(self, most: int) -> None:
        self.most = most

    def is_exceeded(self, connections: int) -> bool:
        """Whether there are more than that."""
        return connections > self.most

    def make_room(self, waiting: Collection[Client]) -> bool:
        """Close the connections that have waited longest; whether there was one."""
        idle = [client for client in waiting if client.phase is not Phase.ANSWERING]
        idle.sort(key=attrgetter("phase", "since"))
        closed = idle[: max(1, self.most // CLOSED_AT_ONCE)]
        for client in closed:
            client.abort()
        log.warning("gateway: no room for more connections most=%d closed=%d", self.most, len(closed))
        return bool(closed)


def raise_descriptor_limit() -> int:
    """Raise the process's soft limit of descriptors to the hard one; what it is then."""
    if resource is None:
        return MOST_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    if soft == resource.RLIM_INFINITY or soft >= most:
        return most
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (OSError, ValueError):  # macOS allows less than it says
        return soft
    return most


def connections_within(descriptors: int) -> int:
    """How many connections leave the engine the descriptors that it needs itself."""
    return max(1, descriptors - max(LEAST_RESERVE, descriptors // 10))
