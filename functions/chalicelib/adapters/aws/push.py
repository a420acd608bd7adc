"""Push to a client's WebSocket through API Gateway's @connections."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from ...domain.errors import TemporarilyUnavailable
from ...ports.live import ConnectionGone
from .signed_http import SignedHttp

CONNECTING_S = (0.1, 0.2, 0.4, 0.8, 1.6)
REMEMBERED = 10_000  # connections; one that is forgotten, and gone, is only found out later
TRIES = 2
AT_ONCE = 32  # pushes under way; more of them only wait in the server instead of here


class ApiGatewayPush:
    """`ports.live.Push` to the WebSocket API whose @connections are at `endpoint_url`.

    While $connect has not returned, API Gateway says 410 of a connection that is about to exist; so one that
    was never reached is tried again for some seconds before it counts as gone.
    """

    def __init__(self, endpoint_url: str) -> None:
        self._http = SignedHttp("execute-api", endpoint_url, tries=TRIES, connections=AT_ONCE)
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
        """Close the socket; API Gateway has no way to give the client `reason`."""
        self._reached.pop(connection_id, None)
        await self._call("DELETE", connection_id)

    async def aclose(self) -> None:
        """Close the connections to API Gateway."""
        await self._http.close()

    async def _call(self, method: str, connection_id: str, body: bytes = b"") -> bool:
        """Whether the connection exists. Raises TemporarilyUnavailable for any other answer."""
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
