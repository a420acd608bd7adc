"""Errors of the local parts, as the commands report them; cheap to import, since every command does.

ServiceError       a server could not be started or reached
PortTaken          another program listens where the gateway should

Those of a client's calls are in client/errors.py.
"""

from __future__ import annotations

from pathlib import Path

from chalicelib.domain.errors import EngineError


class ServiceError(Exception):
    """A server could not be started or reached; the message says which, why, and what to do."""


class PortTaken(EngineError):
    """The port is in use."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(
            f"Can't listen on {host}:{port}: {reason}. Stop what is using the port, or choose another one."
        )
        self.host = host
        self.port = port


def not_ours(path: Path) -> ServiceError:
    """The error for a path that belongs to another user; it names the outermost one that is closed to us."""
    found = next(place for place in (path, *path.parents) if _is_seen(place))
    try:
        owner = found.owner()
    except KeyError:
        owner = f"uid {found.stat().st_uid}"
    return ServiceError(
        f"{found} belongs to {owner}, and you have no access there: "
        f"run as {owner}, in a copy of the project that is yours, or on another folder with --state."
    )


def _is_seen(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return False
