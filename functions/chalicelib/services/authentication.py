"""Who makes a request, by its API key.

Every request asks the store, so a key that was revoked a moment ago is refused. A key that there is not takes
the same steps as one with a wrong secret, and has the same answer.
"""

from __future__ import annotations

from ..domain.account import Access, Caller
from ..domain.errors import Unauthenticated
from ..domain.keys import key_id
from ..ports.keys import Keys
from .keyed_hash import KeyedHash

NO_HASH = bytes(32)


class Authentication:
    """Authenticates callers."""

    def __init__(self, keys: Keys, hash: KeyedHash) -> None:
        self._keys = keys
        self._hash = hash

    async def caller(self, text: str | None) -> Caller:
        """Whose key this is. Raises Unauthenticated, TemporarilyUnavailable."""
        known = key_id(text) if text else None
        if text is None or known is None:
            raise Unauthenticated
        key = await self._keys.key(known)
        matches = await self._hash.matches(text.encode(), NO_HASH if key is None else key.hash)
        if key is None or not matches:
            raise Unauthenticated
        if key.is_over:
            raise Unauthenticated("This API key has expired or was revoked.")
        if key.is_use_stale:
            await self._keys.used(known)
        return Caller(key.account, key.scopes, known)

    async def check(self, access: Access) -> None:
        """Return if the key is valid that a connection was opened with. Raises as `caller`."""
        key = await self._keys.key(access.caller.key_id)
        if key is None or key.is_over:
            raise Unauthenticated("The API key of this connection has expired or was revoked.")
