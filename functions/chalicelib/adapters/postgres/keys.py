"""API keys in Postgres."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ...batcher import Batcher
from ...domain.account import Account, Scope
from ...domain.keys import ApiKey
from .database import Database
from .prepared import Row

MOST_LISTED = 10_000


class PostgresKeys:
    """`ports.keys.Keys`. Look-ups that meet share a statement; a revocation counts from the next one on."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._key: Batcher[str, ApiKey | None] = Batcher(self._read)

    async def add(self, key: ApiKey) -> None:
        await self._database.run(
            "add_api_key",
            id=key.id,
            account=key.account.id,
            label=key.name,
            scopes=sorted(key.scopes),
            hash=key.hash.hex(),
            created_at=key.created_at,
            expires_at=key.expires_at,
        )

    async def key(self, key_id: str) -> ApiKey | None:
        return await self._key(key_id)

    async def over(self, key_ids: Collection[str]) -> set[str]:
        rows = await self._database.run("read_api_keys", ids=list(key_ids))
        return set(key_ids) - {row["id"] for row in rows if not row["is_over"]}

    async def keys(self, account: Account | None) -> list[ApiKey]:
        rows = await self._database.run("list_api_keys", account=account and account.id, limit=MOST_LISTED)
        return [_read_key(row) for row in rows]

    async def end(self, key_id: str, in_ms: int) -> bool:
        return bool(await self._database.run("end_api_key", id=key_id, in_ms=in_ms))

    async def used(self, key_id: str) -> None:
        await self._database.run("use_api_key", id=key_id)

    async def _read(self, key_ids: Sequence[str]) -> list[ApiKey | None]:
        rows = await self._database.run("read_api_keys", ids=list(dict.fromkeys(key_ids)))
        keys = {row["id"]: _read_key(row) for row in rows}
        return [keys.get(key_id) for key_id in key_ids]


def _read_key(row: Row) -> ApiKey:
    return ApiKey(
        row["id"],
        Account(row["account"]),
        row["name"],
        frozenset(Scope(scope) for scope in row["scopes"]),
        bytes(row["hash"]),
        row["created_at"],
        row["expires_at"],
        row["revoked_at"],
        row["last_used_at"],
        row["is_over"],
        row["is_use_stale"],
    )
