"""Requests that a decent client could not send: the body is bytes, the headers are what the test says."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from local import ROOT
from tests.e2e.engine import Engine
from tests.e2e.life import Wire

JSON = {"Content-Type": "application/json"}
INSIDE = ("Traceback", 'File "', ".py", "psycopg", "chalicelib", str(ROOT))
"""Parts of the engine's inside that no answer may contain."""


@dataclass(frozen=True)
class Answer:
    """A response as it came, its headers' names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Wire:
        """The body as an object."""
        found = json.loads(self.body)
        assert isinstance(found, dict)
        return found

    def assert_refused(self, status: int, code: str) -> None:
        """That it is an error in the documented shape, and shows nothing of the engine's inside."""
        assert (self.status, self.json.get("code")) == (status, code), self.body
        assert self.headers["content-type"] == "application/json"
        assert_discreet(self.json)


def assert_discreet(error: Wire) -> None:
    """That an error is a sentence, and shows nothing of the engine's inside."""
    assert isinstance(error["error"], str)
    assert error["error"].endswith(".")
    assert not [word for word in INSIDE if word in json.dumps(error)]


def ask(
    engine: Engine,
    method: str,
    path: str,
    body: bytes | list[bytes] | None = None,
    headers: Mapping[str, str] = JSON,
) -> Answer:
    """Send the request as it is, with a key; a body that is a list goes in chunks, without a length."""
    url = urlsplit(engine.http_url)
    connection_type = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = connection_type(url.netloc, timeout=20)
    try:
        connection.request(
            method,
            url.path + path,
            body,
            {**engine.headers, **headers},
            encode_chunked=isinstance(body, list),
        )
        response = connection.getresponse()
        lowered = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, lowered, response.read())
    finally:
        connection.close()
