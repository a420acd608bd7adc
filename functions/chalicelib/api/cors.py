"""What pages of other origins may send and read, whether a function answers or what stands before it.

A browser sends its user's requests from wherever a page comes. Where keys are needed, a page has none but its
own, and each may ask. An engine that is open does what it is asked, so it lets its own pages alone, and those
of ALLOWED_ORIGINS, change something, open a WebSocket or read an answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from ..domain.errors import EngineError

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
ALLOW_ORIGIN = "Access-Control-Allow-Origin"
ALLOW_HEADERS = ("Idempotency-Key", "traceparent", "x-request-id")
RATE_LIMIT = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
EXPOSE_HEADERS = ("Allow", "Idempotent-Replayed", "Retry-After", *RATE_LIMIT, "x-amzn-requestid")
MAX_AGE_S = 600

HEADERS = {
    ALLOW_ORIGIN: "*",  # where each may ask; else see `Origins.headers`
    "Access-Control-Expose-Headers": ",".join(EXPOSE_HEADERS),
}
"""Of a refusal that no route's own settings are known for."""

DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class OriginNotAllowed(EngineError):
    text = "Pages of this origin may not use the engine; ALLOWED_ORIGINS lists those that may."
    code = "ORIGIN_NOT_ALLOWED"


class Origins:
    """The origins whose pages may use the engine: those in `listed`, and its own."""

    def __init__(self, listed: str = "", *, needs_keys: bool = False) -> None:
        names = {name.strip().lower() for name in listed.split(",") if name.strip()}
        self.are_all = "*" in names or (needs_keys and not names)
        self._listed = frozenset(names)

    def admit(self, origin: str | None, host: str) -> bool:
        """Whether a request with these two headers may be made; what is no page's has no origin."""
        if origin is None or self.are_all:
            return True
        origin = origin.lower()
        return origin in self._listed or _is_own(origin, host.lower())

    def check(self, headers: Mapping[str, str]) -> None:
        """Raises OriginNotAllowed. Names of `headers` are in lower case, or in any."""
        if not self.admit(headers.get("origin"), headers.get("host", "")):
            raise OriginNotAllowed

    def headers(self, origin: str | None, host: str) -> dict[str, str]:
        """The headers that let the page of `origin` read an answer, and no other page."""
        if self.are_all:
            return {ALLOW_ORIGIN: "*"}
        is_read = origin is not None and self.admit(origin, host)
        return {"Vary": "Origin"} | ({ALLOW_ORIGIN: str(origin)} if is_read else {})


def _is_own(origin: str, host: str) -> bool:
    scheme, _, authority = origin.partition("://")
    default_port = DEFAULT_PORTS.get(scheme, "")
    return bool(authority) and authority == host.removesuffix(default_port)


@lru_cache(maxsize=4)
def origins(listed: str, engine_auth: str) -> Origins:
    """`Origins` as the settings ALLOWED_ORIGINS and ENGINE_AUTH have them."""
    return Origins(listed, needs_keys=engine_auth != "open")
