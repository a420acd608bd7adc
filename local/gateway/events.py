"""What API Gateway makes of a request before a function sees it: REST proxy events v1 and WebSocket events.

An ASGI scope comes in. Field names and shapes are AWS's; a field that AWS fills with null is None here.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import count
from typing import Any
from urllib.parse import parse_qs, unquote

from starlette.types import Scope

from ..calls import ACCOUNT
from ..ids import new_id

API_ID = "local00000"

_numbers = count(1)


def rest_event(
    scope: Scope, *, route: str, captured: Mapping[str, str], body: bytes, stage: str
) -> dict[str, Any]:
    """The event of a REST request. `route` is the path's pattern, `captured` its parts as they came."""
    headers = _headers(scope)
    last = _last(headers)
    text, is_base64 = _body(body)
    return {
        "resource": route,
        "path": scope["path"],
        "httpMethod": scope["method"],
        **_request_fields(headers, last, scope),
        "pathParameters": {name: unquote(part) for name, part in captured.items()} or None,
        "stageVariables": None,
        "requestContext": {
            **_common_context(scope, last, stage),
            "accountId": ACCOUNT,
            "resourceId": "local0",
            "resourcePath": route,
            "path": scope["root_path"] + scope["path"],
            "httpMethod": scope["method"],
            "protocol": f"HTTP/{scope['http_version']}",
            "domainPrefix": last.get("Host", "").partition(".")[0],
        },
        "body": text,
        "isBase64Encoded": is_base64,
    }


def connect_event(scope: Scope, connection_id: str, connected_at: int, stage: str) -> dict[str, Any]:
    """The event of a client that opens a WebSocket."""
    headers = _headers(scope)
    return {
        **_request_fields(headers, _last(headers), scope),
        "requestContext": _connection_context(
            scope, connection_id, connected_at, stage, "CONNECT", "$connect"
        ),
        "isBase64Encoded": False,
    }


def message_event(
    scope: Scope, connection_id: str, connected_at: int, stage: str, text: str
) -> dict[str, Any]:
    """The event of a message from a client."""
    context = _connection_context(scope, connection_id, connected_at, stage, "MESSAGE", "$default")
    context["messageId"] = new_connection_id()
    headers = {"X-Forwarded-Proto": _last(_headers(scope))["X-Forwarded-Proto"]}  # AWS sends none
    return {"headers": headers, "requestContext": context, "body": text, "isBase64Encoded": False}


def disconnect_event(
    scope: Scope, connection_id: str, connected_at: int, stage: str, code: int, reason: str
) -> dict[str, Any]:
    """The event of a connection that has closed, for whatever reason."""
    context = _connection_context(scope, connection_id, connected_at, stage, "DISCONNECT", "$disconnect")
    context |= {"disconnectStatusCode": code, "disconnectReason": reason}
    host = _last(_headers(scope)).get("Host", "")
    return {"headers": {"Host": host}, "requestContext": context, "isBase64Encoded": False}


def new_connection_id() -> str:
    """A name for a connection as API Gateway gives them, such as `L0SM9cOFvHcCIhw=`."""
    return base64.urlsafe_b64encode(secrets.token_bytes(11)).decode()


def identity(scope: Scope) -> dict[str, Any]:
    """The client's identity, as API Gateway passes it on."""
    return _identity(scope, _last(_headers(scope)))


def _identity(scope: Scope, headers: Mapping[str, str]) -> dict[str, Any]:
    return {"sourceIp": _source_ip(scope), "userAgent": headers.get("User-Agent")}


def _common_context(scope: Scope, headers: Mapping[str, str], stage: str) -> dict[str, Any]:
    now = time.time()
    return {
        "apiId": API_ID,
        "stage": stage,
        "domainName": headers.get("Host", ""),
        "requestId": new_id(),
        "extendedRequestId": f"{next(_numbers):011x}=",
        "requestTime": _request_time(int(now)),
        "requestTimeEpoch": int(now * 1000),
        "identity": _identity(scope, headers),
    }


@lru_cache(maxsize=8)  # the requests of a second share it
def _request_time(unix_s: int) -> str:
    return time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(unix_s))


def _connection_context(
    scope: Scope, connection_id: str, connected_at: int, stage: str, event_type: str, route_key: str
) -> dict[str, Any]:
    return {
        **_common_context(scope, _last(_headers(scope)), stage),
        "routeKey": route_key,
        "eventType": event_type,
        "messageDirection": "IN",
        "connectionId": connection_id,
        "connectedAt": connected_at,
        "path": scope["root_path"] + scope["path"],  # AWS sends none: there the engine knows its own address
    }


def _request_fields(headers: dict[str, list[str]], last: dict[str, str], scope: Scope) -> dict[str, Any]:
    query = _query(scope)
    return {
        "headers": last,
        "multiValueHeaders": headers,
        "queryStringParameters": _last(query) or None,
        "multiValueQueryStringParameters": query or None,
    }


def _headers(scope: Scope) -> dict[str, list[str]]:
    given: Iterable[tuple[bytes, bytes]] = scope["headers"]
    headers: dict[str, list[str]] = {}
    for name, value in given:
        headers.setdefault(_header_name(name), []).append(value.decode("latin-1"))
    headers.setdefault("X-Forwarded-For", []).append(_source_ip(scope))
    headers["X-Forwarded-Proto"] = ["https" if scope["scheme"] in ("https", "wss") else "http"]
    return headers


@lru_cache(maxsize=256)
def _header_name(name: bytes) -> str:
    """`content-type` as clients write it and API Gateway passes it on: `Content-Type`."""
    title = "-".join(part.capitalize() for part in name.decode("latin-1").split("-"))
    return title.replace("Websocket", "WebSocket")


def _query(scope: Scope) -> dict[str, list[str]]:
    if not scope["query_string"]:
        return {}
    return parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)


def _body(body: bytes) -> tuple[str | None, bool]:
    """The body as text, or in base64 if it is no UTF-8."""
    if not body:
        return None, False
    try:
        return body.decode(), False
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), True


def _last(values: Mapping[str, list[str]]) -> dict[str, str]:
    return {name: given[-1] for name, given in values.items()}


def _source_ip(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else "127.0.0.1"
