"""HTTP to one engine by aiohttp, over connections that are kept: a request costs a tenth of a millisecond.

aiohttp is imported at the first request, as it takes longer than all else of a command.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

if TYPE_CHECKING:
    from aiohttp import ClientSession

CONNECT_S = 5.0
CONNECTIONS = 100  # further requests wait for one of them


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, whatever its status; `headers` by names in any case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        """The JSON object that the body is. Raises ValueError."""
        found = json.loads(self.body)
        if not isinstance(found, dict):
            raise ValueError("The body is no JSON object.")
        return found


class NoAnswer(Exception):
    """A request got no answer; `sent`: it may have reached the engine."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent


class Http:
    """Requests below `url`; an answer may take `timeout_s` seconds from the last sign of life.

    With `uses_proxy` it goes through the proxy that the environment names. `local_address` is the one of
    this machine's that connections come from, None any.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        timeout_s: float,
        uses_proxy: bool,
        local_address: str | None = None,
    ) -> None:
        self._url = url
        self._headers = headers
        self._timeout_s = timeout_s
        self._uses_proxy = uses_proxy
        self._local = (local_address, 0) if local_address else None
        self._session: ClientSession | None = None

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json_body: object = None,
    ) -> Answer:
        """The answer to a request for `path`, which is percent-encoded. Raises NoAnswer."""
        import aiohttp
        from yarl import URL

        url = f"{self._url}{path}{'?' if params else ''}{urlencode(params or {})}"
        body: dict[str, Any] = {}
        if json_body is not None:
            text = json.dumps(json_body, separators=(",", ":"), allow_nan=False)
            body = {"data": text.encode(), "headers": {"Content-Type": "application/json"}}
        if self._session is None:
            self._session = self._open()
        try:
            async with self._session.request(
                method, URL(url, encoded=True), allow_redirects=False, **body
            ) as answer:
                return Answer(answer.status, await answer.read(), answer.headers)
        except (aiohttp.ClientConnectorError, aiohttp.InvalidURL) as error:
            raise NoAnswer("", sent=False) from error
        except (aiohttp.ClientError, OSError) as error:  # a time-out is one
            sent = not isinstance(error, aiohttp.ConnectionTimeoutError)
            raise NoAnswer(str(error) or type(error).__name__, sent=sent) from error

    async def close(self) -> None:
        """End the connections."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> ClientSession:
        import aiohttp

        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS, local_addr=self._local),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._headers,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=self._timeout_s),
            trust_env=self._uses_proxy,
        )
