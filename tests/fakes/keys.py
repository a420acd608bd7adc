"""API keys in memory."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from chalicelib.domain.account import Account
from chalicelib.domain.keys import ApiKey

from tests.fakes.unavailable import Unavailable


class MemoryKeys(Unavailable):
    """`ports.keys.Keys`."""

    def __init__(self) -> None:
        self.rows: dict[str, ApiKey] = {}

    async def add(self, key: ApiKey) -> None:
        self._reach()
        self.rows.setdefault(key.id, key)

    async def key(self, key_id: str) -> ApiKey | None:
        self._reach()
        key, now = self.rows.get(key_id), datetime.now(UTC)
        if key is None:
            return None
        is_over = any(at is not None and at <= now for at in (key.expires_at, key.revoked_at))
        is_use_stale = key.last_used_at is None or key.last_used_at < now - timedelta(minutes=1)
        return replace(key, is_over=is_over, is_use_stale=is_use_stale)

    async def over(self, key_ids: Collection[str]) -> set[str]:
        found = [(key_id, await self.key(key_id)) for key_id in key_ids]
        return {key_id for key_id, key in found if key is None or key.is_over}

    async def keys(self, account: Account | None) -> list[ApiKey]:
        self._reach()
        found = [key_id for key_id, key in self.rows.items() if account in (None, key.account)]
        keys = [key for key_id in found if (key := await self.key(key_id)) is not None]
        return sorted(keys, key=lambda key: (key.account.id, key.created_at))

    async def end(self, key_id: str, in_ms: int) -> bool:
        self._reach()
        if (key := self.rows.get(key_id)) is None:
            return False
        at = datetime.now(UTC) + timedelta(milliseconds=in_ms)
        self.rows[key_id] = replace(key, revoked_at=min(at, key.revoked_at or at))
        return True

    async def used(self, key_id: str) -> None:
        self._reach()
        self.rows[key_id] = replace(self.rows[key_id], last_used_at=datetime.now(UTC))
