"""What can go wrong with a server is one error whose message is a sentence for the terminal."""

from __future__ import annotations

from pathlib import Path


class ServiceError(Exception):
    """A server could not be started or reached; the message says which, why, and what to do."""


def not_ours(path: Path) -> ServiceError:
    """The error for a path that belongs to another user; it names the outermost one that is closed to us."""
    found = next(place for place in (path, *path.parents) if _is_seen(place))
    try:
        owner = found.owner()
    except KeyError:
        owner = f"uid {found.stat().st_uid}"
    return ServiceError(
        f"{found} belongs to {owner}, and you have no access there: "
        f"run as {owner}, or in a copy of the project that is yours."
    )


def _is_seen(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return False
