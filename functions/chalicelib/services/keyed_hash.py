"""Hashes that only who holds the pepper can compute: of API keys, and of what the engine signs."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Sequence

Peppers = Callable[[], Awaitable[Sequence[bytes]]]
"""The peppers, newest first: what an older one has made still counts while it is in the list."""


class KeyedHash:
    """HMAC-SHA256 for one `purpose`, so that a hash made for another is worth nothing here."""

    def __init__(self, peppers: Peppers, purpose: str) -> None:
        self._peppers = peppers
        self._purpose = purpose.encode()

    async def make(self, content: bytes) -> bytes:
        """The hash of the content. Raises TemporarilyUnavailable."""
        return self._hash((await self._peppers())[0], content)

    async def matches(self, content: bytes, hash: bytes) -> bool:
        """Whether this is a hash of the content, found in constant time. Raises TemporarilyUnavailable."""
        found = [hmac.compare_digest(self._hash(pepper, content), hash) for pepper in await self._peppers()]
        return any(found)

    def _hash(self, pepper: bytes, content: bytes) -> bytes:
        return hmac.digest(hmac.digest(pepper, self._purpose, "sha256"), content, "sha256")
