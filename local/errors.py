"""What the commands tell people of: in a module that costs nothing to import, as every command does.

ClientError
├── Unreachable    nobody answers, or not an engine
└── Refused        the engine said no: `status`, `code` and the whole `answer`
PortTaken          somebody else listens where the gateway should
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
