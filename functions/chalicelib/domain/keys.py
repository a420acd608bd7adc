"""API keys: `oek_ID_SECRET`, of which `oek_ID` may be shown, and what the engine keeps of one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from .account import Account, Scope

PREFIX = "oek"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
"""The form of an account's name."""

_FORM = re.compile(rf"{PREFIX}_([0-9a-f]{{12}})_[A-Za-z0-9_-]{{43}}")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is kept of a key: `is_over` once it has expired or is revoked."""

    id: str
    account: Account
    name: str
    scopes: frozenset[Scope]
    hash: bytes
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    is_over: bool = False
    is_use_stale: bool = False  # its last use was stored more than a minute ago

    @property
    def prefix(self) -> str:
        """The part that may be shown."""
        return f"{PREFIX}_{self.id}"


def key_text(key_id: str, secret: str) -> str:
    """A key as its owner sends it."""
    return f"{PREFIX}_{key_id}_{secret}"


def key_id(text: str) -> str | None:
    """The id in a key, or None if it does not have the form of one."""
    found = _FORM.fullmatch(text)
    return found[1] if found else None
