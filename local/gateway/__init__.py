"""API Gateway's part on a developer's machine: REST and WebSocket on one port, in front of the functions."""

from __future__ import annotations

from .gateway import Gateway
from .server import listen, serve, serve_on, url_of
from .settings import GatewaySettings

__all__ = ["Gateway", "GatewaySettings", "listen", "serve", "serve_on", "url_of"]
