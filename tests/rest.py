"""Calls the deployed function as API Gateway does: a REST proxy event in, status, headers and body out."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import app as functions

ORDER = b'{"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1}'
HERE = "127.0.0.1"


@dataclass(frozen=True)
class Answer:
    """What a client gets; `body` is read from its JSON."""

    status: int
    headers: Mapping[str, str]
    body: Any


def call(
    method: str,
    route: str,
    body: bytes = b"",
    *,
    content_type: str | None = "application/json",
    headers: Mapping[str, str] | None = None,
    query: dict[str, list[str]] | None = None,
    client: str = HERE,
    **parts: str,
) -> Answer:
    """What the functions answer to `client`; `parts` fill the braces of `route`."""
    sent = {"content-type": content_type} if content_type else {}
    sent |= headers or {}
    answer = functions.app(
        {
            "resource": route,
            "path": route.format(**parts),
            "httpMethod": method,
            "headers": sent,
            "multiValueHeaders": {name: [value] for name, value in sent.items()},
            "queryStringParameters": {name: values[-1] for name, values in (query or {}).items()} or None,
            "multiValueQueryStringParameters": query,
            "pathParameters": parts or None,
            "stageVariables": None,
            "requestContext": {"httpMethod": method, "resourcePath": route, "identity": {"sourceIp": client}},
            "body": base64.b64encode(body).decode(),
            "isBase64Encoded": True,
        },
        None,
    )
    return Answer(answer["statusCode"], answer["headers"], json.loads(answer["body"]))


def submit(body: bytes = ORDER, **more: Any) -> Answer:
    """`POST /api/orders/execute`"""
    return call("POST", "/api/orders/execute", body, **more)


def socket_event(
    kind: str,
    text: str = "",
    *,
    connection: str = "socket",
    client: str = HERE,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Any:
    """What the WebSocket function for `kind` (`connect`, `message`, `disconnect`) answers."""
    context = {
        "apiId": "api",
        "domainName": "api.example",
        "stage": "local",
        "connectionId": connection,
        "identity": {"sourceIp": client},
    }
    functions.app.websocket_api.configure("127.0.0.1", "local")  # or Chalice looks for an AWS_REGION
    event = {"requestContext": context, "body": text, "queryStringParameters": query, "headers": headers}
    return getattr(functions, f"on_ws_{kind}")(event, None)
