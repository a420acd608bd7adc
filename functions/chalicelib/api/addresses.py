"""Where a client has reached the engine: behind a proxy, a prefix, a stage or a domain of one's own.

API Gateway says the host in `domainName`, and in `requestContext.path` the path as the client sent it, which
ends in the route's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import runtime
from .wire.schemas import SUBMIT_PATH


def base_url(event: Mapping[str, Any]) -> str:
    """The address that every path of the API follows on; empty where the event names no host."""
    context = event["requestContext"]
    host = context.get("domainName")
    if not host:
        return ""
    secure = (event.get("headers") or {}).get("X-Forwarded-Proto", "https") == "https"
    literal = context.get("resourcePath", SUBMIT_PATH).partition("{")[0]
    prefix = context.get("path", "").rpartition(literal)[0].rstrip("/")
    return f"{'https' if secure else 'http'}://{host}{prefix}"


def websocket_url(event: Mapping[str, Any]) -> str:
    """The address of the WebSocket API: the setting's, or beside the address that was asked."""
    found = runtime.current().config.websocket_url
    if found:
        return found
    return base_url(event).replace("http", "ws", 1) + SUBMIT_PATH
