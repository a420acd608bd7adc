"""What administrators request of the function `admin`, from JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from ...domain.errors import InvalidRequest
from ...domain.terms import MAX_LIFETIME_MS
from .schemas import Object

NO_REASON = "no reason given"


class CreateKey(NamedTuple):
    """A key that is to be made."""

    account: str
    name: str
    scopes: list[str]
    expires_in_ms: int | None


class ListKeys(NamedTuple):
    """The keys of an account, or all."""

    account: str | None


class RevokeKey(NamedTuple):
    """A key that is to end."""

    key_id: str


class RotateKey(NamedTuple):
    """A key that another takes the place of."""

    key_id: str
    overlap_ms: int


class Bootstrap(NamedTuple):
    """The first key of a deployment, if it has none."""


class Halt(NamedTuple):
    """Trading is to stop."""

    reason: str


class Resume(NamedTuple):
    """Trading is to go on."""


class HaltState(Object):
    """Whether trading is halted now, and why."""

    halted: bool
    reason: str | None = None


class FirstKey(Object):
    """Where the first key of a deployment is kept, and whether it was made just now."""

    secret: str
    made: bool


AdminRequest = CreateKey | ListKeys | RevokeKey | RotateKey | Bootstrap | Halt | Resume
ADMIN_FIELDS: dict[str, dict[str, type]] = {
    "create": {"account": str, "name": str, "scopes": list, "expiresInMs": int},
    "list": {"account": str},
    "revoke": {"id": str},
    "rotate": {"id": str, "overlapMs": int},
    "bootstrap": {},
    "halt": {"reason": str},
    "resume": {},
}


def admin_request(event: Mapping[str, object]) -> AdminRequest:
    """What an administrator requests. Raises InvalidRequest."""
    given = {name: value for name, value in event.items() if name != "action"}
    fields = ADMIN_FIELDS.get(str(event.get("action")))
    if fields is None:
        raise InvalidRequest(f"action is one of {', '.join(ADMIN_FIELDS)}.", code="UNKNOWN_ACTION")
    for name, value in given.items():
        if name not in fields or not isinstance(value, fields[name]):
            raise InvalidRequest(f"{name[:50]!r} is not known, or of a wrong type.", code="UNKNOWN_FIELD")
    for name in ("expiresInMs", "overlapMs"):
        if name in given and not 0 <= cast(int, given[name]) <= MAX_LIFETIME_MS:
            raise InvalidRequest(f"{name} is from 0 to {MAX_LIFETIME_MS}.", code="INVALID_PARAMETER")
    found: dict[str, Any] = given
    try:
        match event["action"]:
            case "create":
                return CreateKey(
                    found["account"],
                    found["name"],
                    [str(one) for one in found["scopes"]],
                    found.get("expiresInMs"),
                )
            case "list":
                return ListKeys(found.get("account"))
            case "revoke":
                return RevokeKey(found["id"])
            case "bootstrap":
                return Bootstrap()
            case "halt":
                return Halt(found.get("reason", NO_REASON))
            case "resume":
                return Resume()
            case _:
                return RotateKey(found["id"], found.get("overlapMs", 0))
    except KeyError as missing:
        raise InvalidRequest(f"{missing.args[0]} is missing.", code="MISSING_FIELD") from None
