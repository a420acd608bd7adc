"""What can go wrong, as the commands report it; cheap to import, for every command does.

ClientError
├── Unreachable    nothing answers, or not an engine
└── Refused        the engine said no: `status`, `code` and the whole `answer`
PortTaken          another program listens where the gateway should
"""

from __future__ import annotations

from typing import Any

from chalicelib.domain.errors import EngineError


class ClientError(Exception):
    """The engine was not asked, or said no."""


class Unreachable(ClientError):
    """No engine answers."""


class Refused(ClientError):
    """The engine said no."""

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
