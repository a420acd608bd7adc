"""A proxy in front of the gateway: whose word on the client, the host, the scheme and the prefix is believed.

Only what the connection itself shows is certain. X-Forwarded-For, -Proto, -Host and -Prefix are believed of a
peer in TRUSTED_PROXIES, and of X-Forwarded-For only what trusted proxies have added: the client is the last
address in it that is none of theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.types import Scope

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+,;=-]+)(:[0-9]*)?")
PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*")
SECURE = {"https": True, "wss": True, "http": False, "ws": False}


class Proxies:
    """The trusted proxies, and the path prefix that clients see and the engine does not."""

    def __init__(self, trusted: Iterable[Network] = (), prefix: str = "") -> None:
        self._trusted = tuple(trusted)
        self._prefix = prefix
        self.are_absent = not (self._trusted or prefix)

    def reveal(self, scope: Scope) -> None:
        """Put into the ASGI scope what the client has asked for: client, scheme, Host, root_path and path."""
        scope["root_path"] = self._prefix
        if self._trusts(_address(scope["client"][0])):
            self._believe(scope)
        prefix = scope["root_path"]
        if prefix and f"{scope['path']}/".startswith(f"{prefix}/"):  # the proxy has passed it on
            scope["path"] = scope["path"].removeprefix(prefix)
            scope["raw_path"] = scope["raw_path"].removeprefix(prefix.encode())

    def _believe(self, scope: Scope) -> None:
        given: dict[bytes, str] = {}
        for name, value in scope["headers"]:
            if name.startswith(b"x-forwarded-"):
                text = value.decode("latin-1")
                given[name] = f"{given[name]},{text}" if name in given else text
        if client := self._client(given.get(b"x-forwarded-for", "")):
            scope["client"] = (str(client), 0)
        is_secure = SECURE.get(_last(given, b"x-forwarded-proto").lower())
        if is_secure is not None:
            plain = "ws" if scope["type"] == "websocket" else "http"
            scope["scheme"] = f"{plain}s" if is_secure else plain
        host = _last(given, b"x-forwarded-host")
        if host and HOST.fullmatch(host):
            others = [(name, value) for name, value in scope["headers"] if name != b"host"]
            scope["headers"] = [(b"host", host.encode()), *others]
        prefix = _last(given, b"x-forwarded-prefix").rstrip("/")
        if prefix and PREFIX.fullmatch(prefix):
            scope["root_path"] = prefix

    def _client(self, forwarded_for: str) -> Address | None:
        """The last address that is no trusted proxy's; the first, if all are; None if there is none."""
        client = None
        for text in reversed(forwarded_for.split(",")):
            found = _address(text)
            if found is None:
                break
            client = found
            if not self._trusts(found):
                break
        return client

    def _trusts(self, address: Address | None) -> bool:
        return address is not None and any(address in network for network in self._trusted)


def parse_networks(text: str) -> tuple[Network, ...]:
    """Addresses and CIDRs, separated by commas or spaces. Raises ValueError."""
    return tuple(ip_network(part, strict=False) for part in re.split(r"[,\s]+", text.strip()) if part)


def _address(text: str) -> Address | None:
    """The address in `203.0.113.7`, `203.0.113.7:4711`, `2001:db8::7` or `[2001:db8::7]:4711`."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return (found.version == 6 and found.ipv4_mapped) or found


def _last(given: dict[bytes, str], name: bytes) -> str:
    """What the proxy itself has said, and not what it was sent before."""
    return given.get(name, "").rpartition(",")[2].strip()
