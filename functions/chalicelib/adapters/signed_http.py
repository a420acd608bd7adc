"""Signed calls to AWS on the event loop: httpcore's connection pool, botocore's credentials and signature.

For the calls that are made for every event. boto3 takes a thread for each of them and several times the CPU;
everything else goes through boto3 (`aws.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import anyio._backends._asyncio  # noqa: F401  # or the first call imports it while a client waits
import httpcore
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.session import Session

from ..domain.errors import TemporarilyUnavailable

IDLE_S = 30.0  # less than any AWS endpoint keeps a silent connection


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, whatever its status."""

    status: int
    body: bytes


class SignedHttp:
    """`service` of AWS, or what takes its place, at `endpoint_url`; at most `connections` are open at a time.

    A call waits `connect_s` seconds for a connection and `read_s` for each part of the answer.
    """

    def __init__(
        self,
        service: str,
        endpoint_url: str,
        *,
        connect_s: float = 2.0,
        read_s: float = 5.0,
        connections: int = 16,
    ) -> None:
        self._service = service
        self._endpoint = endpoint_url.rstrip("/")
        self._timeout = {"connect": connect_s, "read": read_s, "write": read_s}
        self._places = asyncio.Semaphore(connections)  # httpcore's own queue costs more the longer it is
        self._session = Session()
        self._region = self._session.get_config_variable("region")
        self._credentials = self._session.get_credentials()
        self._pool = httpcore.AsyncConnectionPool(
            max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=IDLE_S
        )

    async def call(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """The answer to a request for `path`, percent-encoded. Raises TemporarilyUnavailable without one."""
        url = self._endpoint + path
        request = AWSRequest(method, url, headers=dict(headers or {}), data=body)
        if self._credentials is not None:
            frozen = self._credentials.get_frozen_credentials()
            SigV4Auth(frozen, self._service, self._region).add_auth(request)
        try:
            async with self._places:
                response = await self._pool.request(
                    method,
                    url,
                    headers=[*request.headers.items()],
                    content=body,
                    extensions={"timeout": self._timeout},
                )
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            raise TemporarilyUnavailable(f"{self._service} is not available right now.") from error
        return Answer(response.status, response.content)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.aclose()
