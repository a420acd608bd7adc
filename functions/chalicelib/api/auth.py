"""Who makes a request: everybody where the engine is open, else whose API key or ticket comes with it.

A key comes in the header `Authorization: Bearer …` or `x-api-key`, a ticket in a WebSocket's address.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextvars import ContextVar
from math import ceil
from typing import TYPE_CHECKING, Any, TypeVar

from .. import runtime
from ..domain.account import OPEN_CALLER, Access, Caller, Scope
from ..domain.errors import Unauthenticated

if TYPE_CHECKING:
    from ..runtime import Runtime
    from ..services.authentication import Authentication
    from ..services.limits import Counted

Found = TypeVar("Found")

SCHEME = "bearer"

_counted: ContextVar[Counted | None] = ContextVar("counted", default=None)
_account: ContextVar[str | None] = ContextVar("account", default=None)


def caller(event: Mapping[str, Any], scope: Scope) -> tuple[Caller, str]:
    """Who has sent an event, and may do what takes this scope; and who that is to limits.

    To limits it is the account, or the address where the engine is open.
    Raises Unauthenticated, Forbidden, TooFast, TemporarilyUnavailable.
    """
    engine = runtime.current()
    if engine.authentication is None:
        return OPEN_CALLER, address(event)
    found, count = runtime.run(
        _counted_one(engine, event, engine.authentication.caller(api_key(event)), lambda caller: caller)
    )
    _counted.set(count)
    _account.set(found.account.id)
    found.require(scope)
    return found, found.account.id


async def _counted_one(
    engine: Runtime,
    event: Mapping[str, Any],
    known: Coroutine[Any, Any, Found],
    caller: Callable[[Found], Caller],
) -> tuple[Found, Counted | None]:
    """What `known` finds of an event's sender, which counts for the limits of its address and of its account.

    An address that guesses keys too fast does not learn whether it has found one.
    """
    limits = engine.limits
    if limits is None:
        return await known, None
    taken, found = await asyncio.gather(
        limits.take(f"address:{address(event)}"), known, return_exceptions=True
    )
    for failed in (taken, found):
        if isinstance(failed, BaseException):
            raise failed
    return found, await limits.take_of(caller(found).account)


def forget() -> None:
    """Forget how the request before was counted, and who made it."""
    _counted.set(None)
    _account.set(None)


def known_account() -> str | None:
    """The account whose key the request has; None where the engine is open, or the key was refused."""
    return _account.get()


def count_headers() -> dict[str, str]:
    """The headers that tell the caller of the request how many more it may make."""
    count = _counted.get()
    if count is None:
        return {}
    return {
        "RateLimit-Limit": str(count.limit),
        "RateLimit-Remaining": str(count.remaining),
        "RateLimit-Reset": str(ceil(count.reset_s)),
    }


def is_admin(event: Mapping[str, Any]) -> bool:
    """Whether the key is an administrator's, or the engine open. Raises TemporarilyUnavailable."""
    authentication = runtime.current().authentication
    if authentication is None:
        return True
    try:
        return Scope.ADMIN in runtime.run(authentication.caller(api_key(event))).scopes
    except Unauthenticated:
        return False


def access(event: Mapping[str, Any], ticket: str | None, connection_id: str) -> tuple[Access, str]:
    """What a new connection may do, and who it is to limits. To connect counts as a request.

    Raises Unauthenticated, TooFast, TemporarilyUnavailable.
    """
    engine = runtime.current()
    if engine.authentication is None:
        return Access(OPEN_CALLER), address(event)
    if ticket is not None:
        known = _redeemed(engine, ticket, connection_id)
    else:
        known = _of_key(engine.authentication, api_key(event))
    found, _ = runtime.run(_counted_one(engine, event, known, lambda access: access.caller))
    return found, found.caller.account.id


async def _redeemed(engine: Runtime, ticket: str, connection_id: str) -> Access:
    assert engine.authentication is not None
    found = await engine.tickets.redeem(ticket, connection_id)
    await engine.authentication.check(found)
    return found


async def _of_key(authentication: Authentication, key: str | None) -> Access:
    return Access(await authentication.caller(key))


def api_key(event: Mapping[str, Any]) -> str | None:
    """The API key in an event's headers, None if there is none. Raises Unauthenticated if there are two."""
    found = set()
    for name, value in _headers(event):
        if name == "x-api-key":
            found.add(value)
        elif name == "authorization":
            scheme, _, token = value.partition(" ")
            found.add(token.strip() if scheme.lower() == SCHEME else "")
    if len(found) > 1:
        raise Unauthenticated("There are two keys in the headers; one is enough.")
    return found.pop() if found else None


def _headers(event: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every header, also one that is there twice."""
    for name, values in (event.get("multiValueHeaders") or {}).items():
        yield from ((name.lower(), value.strip()) for value in values)
    for name, value in (event.get("headers") or {}).items():
        yield name.lower(), value.strip()


def address(event: Mapping[str, Any]) -> str:
    """Where an event comes from: API Gateway's own key, else an address."""
    identity = event["requestContext"].get("identity") or {}
    return str(identity.get("apiKeyId") or identity.get("sourceIp") or "")
