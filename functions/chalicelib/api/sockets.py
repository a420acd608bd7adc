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
    """`$connect`, with `?orderId=…&after=seq` to follow an order at once."""
    asked: Mapping[str, str] = event.to_dict().get("queryStringParameters") or {}
    try:
        sockets = runtime.current().sockets
        runtime.run(
            sockets.connect(event.connection_id, _client(event), asked.get("orderId"), asked.get("after"))
        )
    except EngineError as error:
        log.info("connection %s is refused: %s", event.connection_id, error.code)
        return _refusal(error)
    except Exception:
        log.exception("connect")
        return _refusal(unexpected())
    log.info("connection %s is there", event.connection_id)
    return {"statusCode": 200}


def message(event: WebsocketEvent) -> dict[str, Any]:
    """`$default`: what a client says on its socket."""
    sockets = runtime.current().sockets
    log.info("connection %s says something", event.connection_id)
    try:
        try:
            said = json_object((event.body or "").encode())
        except EngineError as error:
            runtime.run(sockets.refuse(event.connection_id, error))
        else:
            runtime.run(sockets.message(event.connection_id, _client(event), said))
    except ConnectionGone:
        log.info("connection %s left before its answer", event.connection_id)
    except Exception:
        log.exception("message")
        _last_word(event.connection_id)
    return {"statusCode": 200}


def disconnect(event: WebsocketEvent) -> dict[str, Any]:
    """`$disconnect`"""
    try:
        runtime.run(runtime.current().registry.disconnect(event.connection_id, _client(event)))
    except EngineError as error:
        log.warning("that connection %s has left is found out later: %s", event.connection_id, error)
    else:
        log.info("connection %s has left", event.connection_id)
    return {"statusCode": 200}


def _client(event: WebsocketEvent) -> str:
    return client_of(event.to_dict()["requestContext"])


def _last_word(connection_id: str) -> None:
    """Tell the client that something went wrong on our side, if it can be told anything."""
    try:
        runtime.run(runtime.current().sockets.refuse(connection_id, unexpected()))
    except Exception as error:  # the same one, perhaps
        log.warning("connection %s can't be told that something went wrong: %r", connection_id, error)


def _refusal(error: EngineError) -> dict[str, Any]:
    return {"statusCode": status_of(error), "body": json.dumps(error.to_wire())}
