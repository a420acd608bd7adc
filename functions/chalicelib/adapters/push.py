"""The way to a client's socket through API Gateway's @connections."""

from __future__ import annotations

import asyncio

from ..services.ports import ConnectionGone
from . import aws

CONNECTING_S = (0.1, 0.2, 0.4, 0.8, 1.6)
REMEMBERED = 10_000  # connections; one that is forgotten, and gone, is only found out later


class ApiGatewayPush:
    """`services.ports.Push` to the WebSocket API whose @connections live at `endpoint_url`.

    While $connect has not returned, API Gateway says 410 of a connection that is about to exist; so one that
    was never reached is tried again for some seconds before it counts as gone.
    """

    def __init__(self, endpoint_url: str) -> None:
        self._api = aws.connect(
            "apigatewaymanagementapi", endpoint_url, connect_s=2, read_s=5, connections=50
        )
        self._reached: dict[str, None] = {}  # in the order in which they were first reached

    async def send(self, connection_id: str, text: str) -> None:
        waits = () if connection_id in self._reached else CONNECTING_S
        for wait in (*waits, None):
            try:
                await asyncio.to_thread(
                    self._api.post_to_connection, ConnectionId=connection_id, Data=text.encode()
                )
                self._remember(connection_id)
                return
            except self._api.exceptions.GoneException:
                if wait is None:
                    self._reached.pop(connection_id, None)
                    raise ConnectionGone(connection_id) from None
                await asyncio.sleep(wait)

    async def close(self, connection_id: str, reason: str) -> None:
        """Close the socket; API Gateway has no way to tell the client `reason`."""
        self._reached.pop(connection_id, None)
        try:
            await asyncio.to_thread(self._api.delete_connection, ConnectionId=connection_id)
        except self._api.exceptions.GoneException:
            return

    def _remember(self, connection_id: str) -> None:
        self._reached[connection_id] = None
        if len(self._reached) > REMEMBERED:
            del self._reached[next(iter(self._reached))]
