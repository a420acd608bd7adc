"""The WebSocket API: connect, message, disconnect."""

from __future__ import annotations

import logging
import re
from collections.abc import Coroutine, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalice.app import WebsocketEvent

from .. import runtime
from ..domain.account import LOCAL, Access
from ..domain.errors import EngineError
from ..logs import Line
from ..ports import tracing
from ..ports.live import ConnectionGone
from ..services.live.messages import Answer, Request
from . import auth, cors
from .addresses import websocket_url
from .responses import rules, unexpected
from .wire import answers, requests
from .wire.codes import status_of

if TYPE_CHECKING:
    from ..runtime import Runtime

log = logging.getLogger(__name__)

SUBPROTOCOL = "order-engine.v1"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the answers to a message need of it."""

    websocket_url: str
    echo: Mapping[str, object]


_asked: ContextVar[Asked] = ContextVar("asked")  # by the message that the running coroutine answers


def render(answer: Answer | EngineError) -> str:
    """The answer to the message that is being handled, as text."""
    asked = _asked.get()
    return answers.message(answer, asked.websocket_url, asked.echo)


def connect(event: WebsocketEvent) -> dict[str, Any]:
    """`$connect`, with `?orderId=…&after=seq` to subscribe to an order at once."""
    given = event.to_dict()
    query: dict[str, str] = given.get("queryStringParameters") or {}
    connection_id = event.connection_id
    try:
        subscription = requests.connect_parameters(query)
        config = runtime.current().config
        pages = cors.origins(config.allowed_origins, config.engine_auth)
        pages.check({name.lower(): value for name, value in (given.get("headers") or {}).items()})
        access, client = auth.access(given, query.get("ticket"), connection_id)
        subscriptions = runtime.current().subscriptions
        runtime.run(subscriptions.connect(access, connection_id, client, subscription))
    except EngineError as error:
        _log("connection: refused", event, code=error.code)
        return _refusal(error)
    except Exception:
        log.exception("connection: connect failed connection=%s", connection_id)
        return _refusal(unexpected())
    order_id = None if subscription is None else subscription.order_id
    _log("connection: opened", event, order=order_id, account=_account(access))
    return {"statusCode": 200, **_subprotocol(given.get("headers") or {})}


def message(event: WebsocketEvent) -> dict[str, Any]:
    """`$default`: a client's message on its connection."""
    subscriptions = runtime.current().subscriptions
    connection_id = event.connection_id
    echo, request = _request(event)
    code = request.code if isinstance(request, EngineError) else None
    _log("connection: message received", event, order=getattr(request, "order_id", None), code=code)
    asked = Asked(websocket_url(event.to_dict()), echo)
    try:
        work = subscriptions.message(connection_id, _address(event), request)
        with tracing.span("message", "", entry=True, connection=connection_id):
            runtime.run(_answering(asked, work))
    except ConnectionGone:
        _log("connection: closed before the answer", event)
    except Exception:
        log.exception("connection: message failed connection=%s", connection_id)
        _send_internal_error(asked, connection_id)
    return {"statusCode": 200}


def disconnect(event: WebsocketEvent) -> dict[str, Any]:
    """`$disconnect`: the connection has been closed."""
    try:
        runtime.run(_disconnected(runtime.current(), event.connection_id, _address(event)))
    except EngineError as error:
        log.warning(
            "connection: cannot be removed, left to its relay connection=%s error=%r",
            event.connection_id,
            error,
        )
    else:
        _log("connection: closed", event)
    return {"statusCode": 200}


def _log(what: str, event: WebsocketEvent, **more: str | None) -> None:
    request = event.to_dict()["requestContext"].get("requestId")
    log.info(Line(what, connection=event.connection_id, request=request, **more))


def _account(access: Access) -> str | None:
    account = access.caller.account
    return None if account == LOCAL else account.id


async def _answering(asked: Asked, work: Coroutine[Any, Any, None]) -> None:
    """`work`, whose answers are to what was asked."""
    _asked.set(asked)
    await work


def _request(event: WebsocketEvent) -> tuple[Mapping[str, object], Request | EngineError]:
    """What the answer repeats of the message, and what it requests, or why it is refused."""
    echo: Mapping[str, object] = {}
    try:
        body = requests.json_object((event.body or "").encode())
        echo = requests.correlation(body)
        return echo, requests.message(body, rules(runtime.current()))
    except EngineError as error:
        return echo, error


def _subprotocol(headers: Mapping[str, str]) -> dict[str, Any]:
    """The header that chooses our subprotocol, if the client offers it."""
    name = "Sec-WebSocket-Protocol"
    offered = ",".join(value for header, value in headers.items() if header.lower() == name.lower())
    chosen = SUBPROTOCOL in re.split(r"\s*,\s*", offered.strip())
    return {"headers": {name: SUBPROTOCOL}} if chosen else {}


async def _disconnected(engine: Runtime, connection_id: str, client: str) -> None:
    if engine.config.engine_auth != "open":
        access = await engine.registry.access(connection_id)
        client = client if access is None else access.caller.account.id
    await engine.registry.disconnect(connection_id, client)


def _address(event: WebsocketEvent) -> str:
    return auth.address(event.to_dict())


def _send_internal_error(asked: Asked, connection_id: str) -> None:
    try:
        answering = runtime.current().subscriptions.answer(connection_id, unexpected())
        runtime.run(_answering(asked, answering))
    except Exception as error:  # perhaps the same one: the push itself may be what fails
        log.warning("connection: cannot send an error connection=%s error=%r", connection_id, error)


def _refusal(error: EngineError) -> dict[str, Any]:
    return {"statusCode": status_of(error.code), "body": answers.text(answers.error(error))}
