"""Push to clients' WebSocket connections through API Gateway's @connections."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import quote

from ...domain.errors import TemporarilyUnavailable
from ...ports.live import ConnectionGone
from .signed_http import SignedHttp

if TYPE_CHECKING:
    from botocore.credentials import Credentials

CONNECTING_S = (0.1, 0.2, 0.4, 0.8, 1.6)
REMEMBERED = 10_000  # connections; for one dropped from the memory, a 410 is retried for CONNECTING_S again
TRIES = 2
ANSWERS_WITHIN_S = 3.0  # it takes a push within milliseconds
AT_ONCE = 32  # pushes in flight; beyond that they would queue in the server instead of here


class ApiGatewayPush:
    """`ports.live.Push` to the WebSocket API whose @connections are at `endpoint_url`.

    Until $connect has returned, API Gateway answers 410 for the connection that is being opened. So a
    connection that was never reached is retried for some seconds before it counts as gone. Its calls are
    signed with `credentials`, or with those that botocore finds.
    """

    def __init__(self, endpoint_url: str, *, credentials: Credentials | None = None) -> None:
        self._http = SignedHttp(
            "execute-api",
            endpoint_url,
            credentials=credentials,
            read_s=ANSWERS_WITHIN_S,
            tries=TRIES,
            connections=AT_ONCE,
        )
        self._reached: dict[str, None] = {}  # in the order in which they were first reached

    async def send(self, connection_id: str, text: str) -> None:
        waits = () if connection_id in self._reached else CONNECTING_S
        for wait in (*waits, None):
            if await self._call("POST", connection_id, text.encode()):
                self._remember(connection_id)
                return
            if wait is None:
                self._reached.pop(connection_id, None)
                raise ConnectionGone(connection_id)
            await asyncio.sleep(wait)

    async def close(self, connection_id: str, reason: str) -> None:
        """Close the connection; API Gateway cannot pass `reason` on to the client."""
        self._reached.pop(connection_id, None)
        await self._call("DELETE", connection_id)

    async def aclose(self) -> None:
        """Close the connections to API Gateway."""
        await self._http.close()

    async def _call(self, method: str, connection_id: str, body: bytes = b"") -> bool:
        """Call @connections; False if the connection does not exist. Raises TemporarilyUnavailable."""
        path = "/@connections/" + quote(connection_id, safe="")
        answer = await self._http.call(method, path, body)
        if answer.status in (200, 204):
            return True
        if answer.status == 410:
            return False
        raise TemporarilyUnavailable(
            f"API Gateway answered {answer.status} to a push: {answer.body[:200].decode(errors='replace')}"
        )

    def _remember(self, connection_id: str) -> None:
        self._reached[connection_id] = None
        if len(self._reached) > REMEMBERED:
            del self._reached[next(iter(self._reached))]
