"""What a client's call may raise.

ClientError
├── Unreachable    nothing answers, or what answers is no engine
├── OutcomeUnknown a submit was sent and its answer did not come: the order may have been placed, under `key`
└── Refused        the engine refused: `status`, `code` and the whole `answer`
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


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

    def __init__(self, status: int, answer: Mapping[str, Any]) -> None:
        super().__init__(str(answer.get("error", f"The engine answered {status}.")))
        self.status = status
        self.code = str(answer.get("code", ""))
        self.answer = answer
