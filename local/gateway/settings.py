"""The gateway's limits; the defaults are AWS's where that makes sense on one machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from chalicelib.api import cors
from chalicelib.api.wire.requests import MAX_BODY_BYTES
from chalicelib.api.wire.schemas import SUBMIT_PATH
from chalicelib.config import Config, ConfigError

from ..signatures import CONNECTIONS, AccessKey
from .hosts import is_specific, parse_hosts
from .proxies import PREFIX, Network, parse_networks


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """How much the gateway takes, and how long it waits."""

    rate_per_s: float = 10_000  # requests and WebSocket messages, in the long run
    burst: int = 5_000  # and at once
    handlers: int = 64  # functions running at once
    waiting: int = 1_000  # requests that may wait for a function; more get 503
    handler_timeout_s: float = 29.0
    max_body_bytes: int = MAX_BODY_BYTES
    max_message_bytes: int = MAX_BODY_BYTES
    max_head_bytes: int = 16_384  # request line and headers
    max_headers: int = 100
    max_connections: int = 0  # 0: as many as there are descriptors for
    http_idle_s: float = 30.0  # between two requests, and before the first
    head_s: float = 10.0  # for a head to come whole
    body_s: float = 30.0  # and a body
    write_s: float = 30.0  # for a client to go on reading its answer
    websocket_path: str = SUBMIT_PATH
    socket_idle_s: float = 600.0  # nothing in either direction for so long: closed
    socket_queue_messages: int = 1_000  # pushed and not yet written; more, and the client is cut off
    socket_queue_bytes: int = 1_048_576
    close_grace_s: float = 5.0  # for a client to take its last messages and the close frame
    drain_s: float = 2.0  # for what is under way when the gateway stops
    stage: str = "local"
    trusted_proxies: tuple[Network, ...] = ()
    path_prefix: str = ""
    allowed_hosts: tuple[str, ...] = ()  # beside the loopback's and the one that is listened on
    origins: cors.Origins = field(default=cors.Origins(), repr=False)
    connections_key: AccessKey | None = field(default=None, repr=False)  # of @connections; None: all refused

    @classmethod
    def load(cls, environ: Mapping[str, str] = os.environ) -> GatewaySettings:
        """The settings; of proxies, hosts, pages and the key the environment's. Raises ConfigError."""
        given, prefix = environ.get("TRUSTED_PROXIES", ""), environ.get("PATH_PREFIX", "").strip().rstrip("/")
        try:
            trusted = parse_networks(given)
        except ValueError as error:
            raise ConfigError(f"TRUSTED_PROXIES={given!r}: {error}") from None
        if not PREFIX.fullmatch(prefix):
            raise ConfigError(f"PATH_PREFIX={prefix!r} is no path, which is like /engine")
        config, bound = Config.load(environ), environ.get("ENGINE_HOST", "").strip()
        named = (f"[{bound}]" if ":" in bound else bound,) if is_specific(bound) else ()
        return cls(
            trusted_proxies=trusted,
            path_prefix=prefix,
            allowed_hosts=(*named, *parse_hosts(environ.get("ALLOWED_HOSTS", ""))),
            origins=cors.origins(config.allowed_origins, config.engine_auth),
            connections_key=AccessKey.given(environ, CONNECTIONS),
        )
