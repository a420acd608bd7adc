"""Making, listing, revoking and rotating API keys. The callers are administrators."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import UTC, datetime
from typing import NamedTuple

from ..domain.account import Account, Scope
from ..domain.errors import InvalidRequest, NotFound, TemporarilyUnavailable
from ..domain.keys import NAME, ApiKey, key_id, key_text
from ..ports.kept_key import KeptKey
from ..ports.keys import Keys
from .keyed_hash import KeyedHash

MAX_NAME_LENGTH = 100
ADMINISTRATOR = Account("admin")


class NewKey(NamedTuple):
    """A key that was made, and its text, which is kept nowhere."""

    key: ApiKey
    text: str


class KeyManagement:
    """Manages API keys; `hash` is the one that `Authentication` compares with."""

    def __init__(self, keys: Keys, hash: KeyedHash) -> None:
        self._keys = keys
        self._hash = hash

    async def create(
        self, account: str, name: str, scopes: Collection[str], expires_at: datetime | None = None
    ) -> NewKey:
        """A new key of an account. Raises InvalidRequest, TemporarilyUnavailable."""
        if not NAME.fullmatch(account):
            raise InvalidRequest(
                f"An account's name is 1 to 40 of a-z, 0-9, `.`, `_` and `-`, not {account[:50]!r}.",
                code="INVALID_ACCOUNT",
            )
        if not (0 < len(name) <= MAX_NAME_LENGTH and name.isprintable()):
            raise InvalidRequest(
                f"A key's name is 1 to {MAX_NAME_LENGTH} printable characters.", code="INVALID_NAME"
            )
        unknown = sorted({*scopes} - {*Scope})
        if unknown or not scopes:
            raise InvalidRequest(
                f"A key has one or more of the scopes {', '.join(Scope)}.", code="INVALID_SCOPE"
            )
        return await self._add(Account(account), name, frozenset(map(Scope, scopes)), expires_at)

    async def list(self, account: str | None = None) -> list[ApiKey]:
        """The keys of an account, or all. Raises TemporarilyUnavailable."""
        return await self._keys.keys(None if account is None else Account(account))

    async def revoke(self, key_id: str) -> None:
        """End a key now. Raises NotFound, TemporarilyUnavailable."""
        if not await self._keys.end(key_id, in_ms=0):
            raise _no_key(key_id)

    async def rotate(self, key_id: str, overlap_ms: int) -> NewKey:
        """A key in the place of one that ends `overlap_ms` from now: time enough to bring it to its users.

        Raises NotFound, TemporarilyUnavailable.
        """
        old = await self._keys.key(key_id)
        if old is None or old.is_over:
            raise _no_key(key_id)
        new = await self._add(old.account, old.name, old.scopes, old.expires_at)
        await self._keys.end(key_id, in_ms=overlap_ms)
        return new

    async def bootstrap(self, kept: KeptKey) -> NewKey | None:
        """A first key that may do everything, which is kept; None if a deployment needs none.

        Raises TemporarilyUnavailable.
        """
        if await self._suffices(await kept.read()):
            return None
        made = await self._add(ADMINISTRATOR, "first key of the deployment", frozenset(Scope), None)
        try:
            await kept.write(made.text)
        except TemporarilyUnavailable:  # a key that its owner may never see is worth nothing to them
            await self._keys.end(made.key.id, in_ms=0)
            raise
        return made

    async def _suffices(self, text: str | None) -> bool:
        """Whether the kept key is valid, or was ended by an administrator who has another.

        Not if none is kept, or the pepper is another one than it was made with: then the keys that the store
        has may all be of an earlier deployment, and invalid.
        """
        known = key_id(text) if text else None
        key = await self._keys.key(known) if known else None
        if text is None or key is None or not await self._hash.matches(text.encode(), key.hash):
            return False
        if not key.is_over:
            return True
        return any(Scope.ADMIN in other.scopes and not other.is_over for other in await self._keys.keys(None))

    async def _add(
        self, account: Account, name: str, scopes: Collection[Scope], expires_at: datetime | None
    ) -> NewKey:
        key_id = secrets.token_hex(6)
        text = key_text(key_id, secrets.token_urlsafe(32))
        hash = await self._hash.make(text.encode())
        key = ApiKey(key_id, account, name, frozenset(scopes), hash, datetime.now(UTC), expires_at)
        await self._keys.add(key)
        return NewKey(key, text)


def _no_key(key_id: str) -> NotFound:
    return NotFound(f"There is no API key {key_id[:50]!r} that is valid.", code="KEY_NOT_FOUND")
