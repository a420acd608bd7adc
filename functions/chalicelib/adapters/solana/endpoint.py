"""JSON over HTTP of one server: a Solana node or Jupiter."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

import msgspec

from ..http_connections import HttpConnections

CONNECT_S, ANSWER_S = 2.0, 5.0
CONNECTIONS = 16
PORTS = {"http": 80, "https": 443}
RATE_LIMITED = 429


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer's status, and its body where that is a JSON object, None otherwise."""

    status: int
    found: dict[str, Any] | None


class Endpoint:
    """The server at `url`, which may hold a key: messages name `host` alone. Raises ValueError."""

    def __init__(self, url: str) -> None:
        parts = _parts(url)
        self.host = parts.hostname or ""
        self._path, self._query = parts.path, parts.query
        self._netloc = parts.netloc.rpartition("@")[2]
        self._http = HttpConnections(
            self.host,
            parts.port or PORTS[parts.scheme],
            ssl.create_default_context() if parts.scheme == "https" else None,
            connections=CONNECTIONS,
            connect_s=CONNECT_S,
            answer_s=ANSWER_S,
        )

    async def get(self, path: str, headers: Mapping[str, str]) -> Answer:
        """The answer to a GET of a path below the URL's. Raises OSError."""
        return await self._ask("GET", self._path.rstrip("/") + path, headers)

    async def post(self, body: bytes) -> Answer:
        """The answer to JSON that is posted to the URL. Raises OSError."""
        target = (self._path or "/") + (f"?{self._query}" if self._query else "")
        headers = {"content-type": "application/json", "content-length": str(len(body))}
        return await self._ask("POST", target, headers, body)

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._http.close()

    async def _ask(self, verb: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        lines = [f"{verb} {target} HTTP/1.1", f"host: {self._netloc}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        message = "\r\n".join([*lines, "", ""]).encode() + body
        answer = await self._http.request(lambda: message)
        return Answer(answer.status, _object(answer.body))


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        if parts.scheme in PORTS and parts.hostname and parts.port != 0:
            return parts
    except ValueError:  # its message may hold a part of the URL
        pass
    raise ValueError("a URL is http[s]://HOST[:PORT]/…")


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(body)
    except (ValueError, RecursionError):  # a DecodeError is a ValueError, and text may be no UTF-8
        return None
    return found if isinstance(found, dict) else None
