"""The names that the engine goes by: a request for another host is not for it.

A page elsewhere that has its own name resolve to 127.0.0.1 (DNS rebinding) is of the engine's origin for its
browser, and could read what it likes. Its requests name its host, and so they are refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address

from starlette.types import Scope

from .errors import HostNotAllowed

OWN = ("localhost", "127.0.0.1", "::1")
ANY = "*"


class Hosts:
    """This machine's own names, those in `allowed`, and the address that a client has connected to."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._names = frozenset({*OWN, *(name_of(each) for each in allowed)})
        self._are_all = ANY in self._names

    def check(self, scope: Scope) -> None:
        """Raises HostNotAllowed. What names no host is no page's: a browser does, and HTTP/1.1 must."""
        if self._are_all:
            return
        for header, value in scope["headers"]:
            if header == b"host":
                name = name_of(value.decode("latin-1"))
                if name not in self._names and name != (scope.get("server") or ("",))[0]:
                    raise HostNotAllowed
                return


@lru_cache(maxsize=64)
def name_of(host: str) -> str:
    """The name or address in a Host header: `[::1]:3000` is ::1."""
    host = host.strip().lower()
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def parse_hosts(text: str) -> tuple[str, ...]:
    """Names with commas between, as `trade.example, [fd00::7]`; `*` is every one."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def is_specific(host: str) -> bool:
    """Whether that is the name or the address of one host, and not of all that a machine has."""
    try:
        return not ip_address(host).is_unspecified
    except ValueError:
        return bool(host)
