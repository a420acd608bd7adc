"""Signed calls to AWS on the event loop: botocore's credentials, and connections that are kept open.

For the calls that are made for every event. botocore's own would take a thread for each of them and several
times the CPU; everything else goes through those (`clients.py`).
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore.exceptions import NoRegionError
from botocore.httpsession import get_cert_path
from botocore.session import Session

from ...domain.errors import TemporarilyUnavailable
from ..http_connections import Answer, HttpConnections
from .sigv4 import signed_headers

if TYPE_CHECKING:
    from botocore.credentials import Credentials

__all__ = ["Answer", "SignedHttp"]

DEFAULT_PORTS = {"http": 80, "https": 443}
TRY_AGAIN = frozenset({429, 500, 502, 503, 504, 509})  # the statuses after which botocore does
LONGEST_BACK_OFF_S = 1.0  # before the second try; as long again before each later one


class SignedHttp:
    """`service` of AWS, or what takes its place, at `endpoint_url`; at most `connections` are open at a time.

    Each of a call's `tries` may take `connect_s` seconds for a connection and `read_s` for the answer.
    Without `credentials`, botocore looks for some.
    """

    def __init__(
        self,
        service: str,
        endpoint_url: str,
        *,
        credentials: Credentials | None = None,
        connect_s: float = 2.0,
        read_s: float = 5.0,
        tries: int = 1,
        connections: int = 32,
    ) -> None:
        url = urlsplit(endpoint_url)
        if url.scheme not in DEFAULT_PORTS or url.hostname is None:
            raise ValueError(f"{endpoint_url!r} is no URL of an HTTP server.")
        session = Session()
        region = session.get_config_variable("region")
        if region is None:
            raise NoRegionError
        self._region: str = region
        self._service = service
        self._credentials = credentials or session.get_credentials()
        self._tries = tries
        self._path = url.path.rstrip("/")
        self._host = url.netloc.removesuffix(f":{DEFAULT_PORTS[url.scheme]}")
        self._connections = HttpConnections(
            url.hostname,
            url.port or DEFAULT_PORTS[url.scheme],
            _tls(session) if url.scheme == "https" else None,
            connections=connections,
            connect_s=connect_s,
            answer_s=read_s,
        )

    async def call(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """The answer to a request for `path`, percent-encoded. Raises TemporarilyUnavailable without one."""
        message = partial(self._message, method, path, body, headers or {})
        for tried in range(1, self._tries + 1):
            answer, failure = None, None
            try:
                answer = await self._connections.request(message)
            except OSError as error:
                failure = error
            if answer is not None and (answer.status not in TRY_AGAIN or tried == self._tries):
                return answer
            if tried < self._tries:
                await asyncio.sleep(random.random() * LONGEST_BACK_OFF_S * 2 ** (tried - 1))  # noqa: S311
        raise TemporarilyUnavailable(f"{self._service} is not available right now.") from failure

    async def close(self) -> None:
        """Close the connections; no call may be under way."""
        self._connections.close()

    def _message(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        """The HTTP request, signed unless there are no credentials."""
        path = self._path + path
        sent = {"host": self._host, **{name.lower(): value for name, value in headers.items()}}
        if self._credentials is not None:
            sent = signed_headers(
                method,
                path,
                sent,
                body,
                credentials=self._credentials.get_frozen_credentials(),
                service=self._service,
                region=self._region,
                at=time.time(),
            )
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
        return "\r\n".join((*lines, f"content-length: {len(body)}", "", "")).encode("ascii") + body


def _tls(session: Session) -> ssl.SSLContext:
    """Trusts what botocore trusts: AWS_CA_BUNDLE, or the public authorities."""
    return ssl.create_default_context(cafile=get_cert_path(session.get_config_variable("ca_bundle") or True))
