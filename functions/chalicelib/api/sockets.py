"""The WebSocket API: connect, message, disconnect."""

from __future__ import annotations

import logging
from typing import Any

from chalice.app import WebsocketEvent

from .. import runtime
from ..domain.account import Account
from ..domain.errors import EngineError
from ..ports.live import ConnectionGone
from ..services.live.messages import Request
from .responses import account_of, client_of, unexpected
from .wire import answers, requests
from .wire.codes import status_of

log = logging.getLogger(__name__)


def connect(event: WebsocketEvent) -> dict[str, Any]:
    """`$connect`, with `?orderId=…&after=seq` to subscribe to an order at once."""
    query: dict[str, str] = event.to_dict().get("queryStringParameters") or {}
    connection_id = event.connection_id
    try:
        subscriptions = runtime.current().subscriptions
        subscription = requests.connect_parameters(query)
        runtime.run(subscriptions.connect(_account(event), connection_id, _client(event), subscription))
    except EngineError as error:
        log.info("connection: refused connection=%s code=%s", connection_id, error.code)
        return _refusal(error)
    except Exception:
        log.exception("connection: connect failed connection=%s", connection_id)
        return _refusal(unexpected())
    log.info("connection: opened connection=%s", connection_id)
    return {"statusCode": 200}


def message(event: WebsocketEvent) -> dict[str, Any]:
    """`$default`: a client's message on its connection."""
    subscriptions = runtime.current().subscriptions
    connection_id = event.connection_id
    log.info("connection: message received connection=%s", connection_id)
    try:
        request = _request(event)
        runtime.run(subscriptions.message(_account(event), connection_id, _client(event), request))
    except ConnectionGone:
        log.info("connection: closed before the answer connection=%s", connection_id)
    except Exception:
        log.exception("connection: message failed connection=%s", connection_id)
        _send_internal_error(connection_id)
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


def _request(event: WebsocketEvent) -> Request | EngineError:
    """What the message requests, or why it is refused."""
    try:
        body = requests.json_object((event.body or "").encode())
        return requests.message(body, runtime.current().config.default_slippage_bps)
    except EngineError as error:
        return error


def _account(event: WebsocketEvent) -> Account:
    return account_of(event.to_dict()["requestContext"])


def _client(event: WebsocketEvent) -> str:
    return client_of(event.to_dict()["requestContext"])


def _send_internal_error(connection_id: str) -> None:
    try:
        runtime.run(runtime.current().subscriptions.answer(connection_id, unexpected()))
    except Exception as error:  # perhaps the same one: the push itself may be what fails
        log.warning("connection: cannot send an error connection=%s error=%r", connection_id, error)


def _refusal(error: EngineError) -> dict[str, Any]:
    return {"statusCode": status_of(error.code), "body": answers.text(answers.error(error))}
