"""Errors of the local parts, as the commands report them; cheap to import, since every command does.

ServiceError       a server could not be started or reached
PortTaken          another program listens where the gateway should
ClientError
├── Unreachable    nothing answers, or what answers is no engine; nothing was done
├── OutcomeUnknown a submit was sent and its answer did not come: the order may have been placed, under `key`
└── Refused        the engine refused: `status`, `code` and the whole `answer`
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chalicelib.domain.errors import EngineError


class ServiceError(Exception):
    """A server could not be started or reached; the message says which, why, and what to do."""


class ClientError(Exception):
    """What was asked of the engine has no result."""


class Unreachable(ClientError):
    """No engine answers; `sent`: the request may have reached one."""

    def __init__(self, message: str, *, sent: bool = False) -> None:
        super().__init__(message)
        self.sent = sent


class OutcomeUnknown(ClientError):
    """A submit was sent, and its answer did not come; submitting again under `key` places it at most once."""

    def __init__(self, url: str, key: str, reason: str) -> None:
        super().__init__(
            f"The order may have been placed: {url} took the submit and did not answer ({reason})."
        )
        self.key = key


class Refused(ClientError):
    """The engine refused; `status`, `code` and `answer` say why."""

    def __init__(self, status: int, answer: dict[str, Any]) -> None:
        super().__init__(str(answer.get("error", f"The engine answered {status}.")))
        self.status = status
        self.code = str(answer.get("code", ""))
        self.answer = answer


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
