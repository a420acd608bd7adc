"""Who makes a request: everybody where the engine is open, else whose API key or ticket comes with it.

A key comes in the header `Authorization: Bearer …` or `x-api-key`, a ticket in a WebSocket's address.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import runtime
from ..domain.account import ANYBODY, Access, Caller, Scope
from ..domain.errors import Unauthenticated

SCHEME = "bearer"


def caller(context: Mapping[str, Any], headers: Mapping[str, str], scope: Scope) -> tuple[Caller, str]:
    """Who calls, with this scope, and who that is to limits: the account, of an open engine the address.

    Raises Unauthenticated, Forbidden, TemporarilyUnavailable.
    """
    authentication = runtime.current().authentication
    if authentication is None:
        return ANYBODY, address(context)
    found = runtime.run(authentication.caller(api_key(headers)))
    found.require(scope)
    return found, found.account.id


def is_admin(headers: Mapping[str, str]) -> bool:
    """Whether the key is an administrator's, or the engine open. Raises TemporarilyUnavailable."""
    authentication = runtime.current().authentication
    if authentication is None:
        return True
    try:
        return Scope.ADMIN in runtime.run(authentication.caller(api_key(headers))).scopes
    except Unauthenticated:
        return False


def access(
    context: Mapping[str, Any], headers: Mapping[str, str], ticket: str | None, connection_id: str
) -> tuple[Access, str]:
    """What a new connection may do, and who it is to limits.

    Raises Unauthenticated, TemporarilyUnavailable.
    """
    engine = runtime.current()
    if engine.authentication is None:
        return Access(ANYBODY), address(context)
    if ticket is not None:
        found = runtime.run(engine.tickets.redeem(ticket, connection_id))
        runtime.run(engine.authentication.check(found))
    else:
        found = Access(runtime.run(engine.authentication.caller(api_key(headers))))
    return found, found.caller.account.id


def api_key(headers: Mapping[str, str]) -> str | None:
    """The API key in the headers, if there is one. Raises Unauthenticated if there are two."""
    given = {name.lower(): value.strip() for name, value in headers.items()}
    scheme, _, token = given.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == SCHEME else None
    if bearer and given.get("x-api-key", bearer) != bearer:
        raise Unauthenticated("Authorization and x-api-key are two keys; one is enough.")
    return bearer or given.get("x-api-key")


def address(context: Mapping[str, Any]) -> str:
    """Where a request comes from, of an event's `requestContext`: API Gateway's own key, else an address."""
    identity = context.get("identity") or {}
    return str(identity.get("apiKeyId") or identity.get("sourceIp") or "")
