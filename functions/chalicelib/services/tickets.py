"""Tickets: what a browser, whose WebSocket can send no header, brings in the address instead of its API key.

    payload: version (1 byte) · expiry (6, ms of Unix time) · nonce (12) · scopes · account · key · order
    ticket:  base64url(payload · HMAC-SHA256, 32 bytes)

A ticket is signed and not stored. It is short-lived, counts once, and for one order or for all that the key
that asked for it may do.
"""

from __future__ import annotations

import re
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

from ..domain.account import Access, Account, Caller, Scope
from ..domain.errors import Unauthenticated
from ..ports.live import Registry
from .keyed_hash import KeyedHash

VERSION = b"\x01"
HASH_BYTES, HEAD_BYTES = 32, 1 + 6 + 12
SCOPES = tuple(Scope)
_FORM = re.compile(r"[A-Za-z0-9_-]{70,400}")


class Tickets:
    """Issues and redeems tickets; `registry` remembers which have been used."""

    def __init__(self, hash: KeyedHash, registry: Registry, *, ttl_ms: int) -> None:
        self._hash = hash
        self._registry = registry
        self._ttl_ms = ttl_ms

    async def issue(self, caller: Caller, order_ids: Sequence[str | None]) -> list[str]:
        """Tickets of the caller's, each for one order, or for all. Raises TemporarilyUnavailable."""
        return [await self._issue(caller, order_id) for order_id in order_ids]

    async def _issue(self, caller: Caller, order_id: str | None) -> str:
        scopes = caller.scopes if order_id is None else caller.scopes & {Scope.ORDERS_READ}
        letters = "".join(str(index) for index, scope in enumerate(SCOPES) if scope in scopes)
        payload = VERSION + (_now_ms() + self._ttl_ms).to_bytes(6, "big") + secrets.token_bytes(12)
        payload += "\n".join((letters, caller.account.id, caller.key_id, order_id or "")).encode()
        return urlsafe_b64encode(payload + await self._hash.make(payload)).decode().rstrip("=")

    async def redeem(self, text: str, connection_id: str) -> Access:
        """What the ticket of a new connection allows. Raises Unauthenticated, TemporarilyUnavailable."""
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4)) if _FORM.fullmatch(text) else b""
        payload, hash = raw[:-HASH_BYTES], raw[-HASH_BYTES:]
        if not await self._hash.matches(payload, hash) or payload[:1] != VERSION:
            raise _invalid()
        left_ms = int.from_bytes(payload[1:7], "big") - _now_ms()
        # twice its time: a clock that is behind this one must not find it unused
        if left_ms <= 0 or not await self._registry.use_once(
            payload[7:HEAD_BYTES].hex(), connection_id, 2 * self._ttl_ms
        ):
            raise _invalid()
        letters, account, key_id, order_id = payload[HEAD_BYTES:].decode().split("\n")
        scopes = frozenset(SCOPES[int(letter)] for letter in letters)
        return Access(Caller(Account(account), scopes, key_id), order_id or None)


def _invalid() -> Unauthenticated:
    return Unauthenticated(
        "The ticket is not valid: it counts once, and for a short time.", code="INVALID_TICKET"
    )


def _now_ms() -> int:
    return int(time.time() * 1000)
