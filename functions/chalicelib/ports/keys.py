"""The store of API keys."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from ..domain.account import Account
from ..domain.keys import ApiKey


class Keys(Protocol):
    """API keys by id. Every method may raise TemporarilyUnavailable."""

    async def add(self, key: ApiKey) -> None:
        """Store a new key."""

    async def key(self, key_id: str) -> ApiKey | None:
        """One key as it is now: what was revoked a moment ago is over."""

    async def over(self, key_ids: Collection[str]) -> set[str]:
        """Those of the keys that are over, or that there are not."""

    async def keys(self, account: Account | None) -> list[ApiKey]:
        """The keys of an account, or all."""

    async def end(self, key_id: str, in_ms: int) -> bool:
        """Revoke a key in `in_ms`, unless it ends before; False if there is none."""

    async def used(self, key_id: str) -> None:
        """Store that the key is used now."""
