"""The WebSocket API: connect, message, disconnect."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from chalice.app import WebsocketEvent

from .. import runtime
from ..domain.errors import EngineError
from ..ports.live import ConnectionGone
from .responses import client_of, json_object, status_of, unexpected

log = logging.getLogger(__name__)


def connect(event: WebsocketEvent) -> dict[str, Any]:
    """`$connect`, with `?orderId=…&after=seq` to subscribe to an order at once."""
    query: Mapping[str, str] = event.to_dict().get("queryStringParameters") or {}
    try:
        subscriptions = runtime.current().subscriptions
        runtime.run(
            subscriptions.connect(
                event.connection_id, _client(event), query.get("orderId"), query.get("after")
            )
        )
    except EngineError as error:
        log.info("connection: refused connection=%s code=%s", event.connection_id, error.code)
        return _refusal(error)
    except Exception:
        log.exception("connection: connect failed connection=%s", event.connection_id)
        return _refusal(unexpected())
    log.info("connection: opened connection=%s", event.connection_id)
    return {"statusCode": 200}


def message(event: WebsocketEvent) -> dict[str, Any]:
    """`$default`: a client's message on its connection."""
    subscriptions = runtime.current().subscriptions
    log.info("connection: message received connection=%s", event.connection_id)
    try:
        try:
            body = json_object((event.body or "").encode())
        except EngineError as error:
            runtime.run(subscriptions.send_error(event.connection_id, error))
        else:
            runtime.run(subscriptions.message(event.connection_id, _client(event), body))
    except ConnectionGone:
        log.info("connection: closed before the answer connection=%s", event.connection_id)
    except Exception:
        log.exception("connection: message failed connection=%s", event.connection_id)
        _send_internal_error(event.connection_id)
    return {"statusCode": 200}


def disconnect(event: WebsocketEvent) -> dict[str, Any]:
    """`$disconnect`: the connection has been closed."""
    try:
        runtime.run(runtime.current().registry.disconnect(event.connection_id, _client(event)))
    except EngineError as error:
        log.warning(
            "connection: cannot be removed, left to its relay connection=%s error=%r",
            event.connection_id,
            error,
        )
    else:
        log.info("connection: closed connection=%s", event.connection_id)
    return {"statusCode": 200}


def _client(event: WebsocketEvent) -> str:
    return client_of(event.to_dict()["requestContext"])


def _send_internal_error(connection_id: str) -> None:
    try:
        runtime.run(runtime.current().subscriptions.send_error(connection_id, unexpected()))
    except Exception as error:  # perhaps the same one: the push itself may be what fails
        log.warning("connection: cannot send an error connection=%s error=%r", connection_id, error)


def _refusal(error: EngineError) -> dict[str, Any]:
    return {"statusCode": status_of(error), "body": json.dumps(error.to_wire())}
