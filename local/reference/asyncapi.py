"""The AsyncAPI document of the WebSocket; its objects are those of the OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec
from chalicelib import VERSION
from chalicelib.api.wire import schemas
from chalicelib.api.wire.requests import ACTIONS, ID_FIELD, KEY_FIELD

from . import openapi
from .closes import CLOSE_CODES

Json = dict[str, Any]

ANSWERS = (schemas.Subscribed, schemas.Unsubscribed, schemas.CancelledOne, schemas.Pong)
NOTES = {
    "subscribe": "Receive an order's events after `after`: those that there are, then each as it is stored.",
    "unsubscribe": "Receive no more of them.",
    "cancel": "Cancel an order that no worker holds.",
    "ping": "Ask for a sign of life.",
}
ID: Json = {
    "description": "repeats that of the message that it answers",
    "oneOf": [{"type": "integer"}, {"type": "string", "minLength": 1, "maxLength": 64}],
}


def document() -> Json:
    """The whole document."""
    requests = [*ACTIONS, "submit"]
    replies = {
        "subscribe": "Subscribed",
        "unsubscribe": "Unsubscribed",
        "cancel": "CancelledOne",
        "ping": "Pong",
        "submit": "Submitted",
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Order execution engine",
            "version": VERSION,
            "license": {"name": "MIT"},
            "description": "Subscribe to orders, and submit and cancel them, over a WebSocket. Every message "
            "is one JSON object.",
        },
        "defaultContentType": "application/json",
        "servers": {"engine": {"host": "127.0.0.1:3000", "protocol": "ws"}},
        "channels": {
            "orders": {
                "address": schemas.SUBMIT_PATH,
                "description": "With `orderId` the handshake subscribes to that order.",
                "messages": {name: _ref("messages", name) for name in _messages()},
                "bindings": {"ws": {"method": "GET", "query": _query()}},
                "x-close-codes": [
                    {"codes": list(codes), "reason": reason, "connectAgain": again}
                    for codes, reason, again in CLOSE_CODES
                ],
            }
        },
        "operations": {
            **{
                name: {
                    "action": "receive",
                    "channel": {"$ref": "#/channels/orders"},
                    "messages": [_of_channel(name)],
                    "reply": {
                        "channel": {"$ref": "#/channels/orders"},
                        "messages": [_of_channel(replies[name]), _of_channel("Error")],
                    },
                }
                for name in requests
            },
            "stream": {
                "action": "send",
                "summary": "The events of the orders that the connection is subscribed to.",
                "channel": {"$ref": "#/channels/orders"},
                "messages": [_of_channel("Event")],
            },
        },
        "components": {"messages": _messages(), "schemas": _schemas()},
    }


def text() -> str:
    """The document as it is packaged."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def _messages() -> dict[str, Json]:
    named = {name: _message(name, NOTES[name], _request(name)) for name in ACTIONS}
    named["submit"] = _message("submit", "Submit an order, and subscribe to it.", openapi.ref("NewOrder"))
    for answer in (*ANSWERS, schemas.Submitted, schemas.Error):
        named[answer.__name__] = _message(
            answer.__name__, (answer.__doc__ or "").splitlines()[0], openapi.ref(answer.__name__)
        )
    named["Event"] = _message("Event", "One step of an order.", openapi.ref("Event"))
    return named


def _message(name: str, summary: str, payload: Json) -> Json:
    return {"name": name, "summary": summary, "payload": payload}


def _request(action: str) -> Json:
    """The schema of a message with an action."""
    properties: Json = {"action": {"const": action}, ID_FIELD: ID | {"description": "of the client's own"}}
    required = ["action"]
    if action != "ping":
        properties["orderId"] = _schema(schemas.OrderId)
        required.append("orderId")
    if action == "subscribe":
        note = "the `seq` of the last event that was seen"
        properties["after"] = {**_schema(schemas.Count), "default": 0, "description": note}
    return {"type": "object", "required": required, "properties": properties}


def _query() -> Json:
    names = openapi.websocket()["parameters"]
    return {
        "type": "object",
        "properties": {
            one["name"]: {**one["schema"], "description": one.get("description", "")} for one in names
        },
    }


def _schemas() -> dict[str, Json]:
    """Every schema that the messages refer to, however far."""
    known = openapi.components()
    _, own = msgspec.json.schema_components(ANSWERS, ref_template=openapi.REF)
    for name in ("Submitted", "Error", *own):
        schema = dict(known.get(name) or own[name])
        echo = {ID_FIELD: ID}
        if name in ("Submitted", "Error"):
            echo[KEY_FIELD] = {"type": "string", "description": "the submit's own"}
        if name == "Error":
            note = "the connection, where the gateway itself refuses a message"
            echo["connectionId"] = {"type": "string", "description": note}
        schema["properties"] = {**schema["properties"], **echo}
        known[name] = schema
    known["Event"] = {**known["Event"], "discriminator": "status"}  # which is not OpenAPI's object there
    wanted = ["NewOrder", "Submitted", "Error", "Event", *own]
    found: dict[str, Json] = {}
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = known[name]
            wanted += _names(known[name])
    return dict(sorted(found.items()))


def _names(node: object) -> Iterable[str]:
    """The names of the schemas that are referred to below a node."""
    if isinstance(node, dict):
        if isinstance(reference := node.get("$ref"), str):
            yield reference.rpartition("/")[2]
        for child in node.values():
            yield from _names(child)
    elif isinstance(node, list):
        for child in node:
            yield from _names(child)


def _schema(of: Any) -> Json:
    return msgspec.json.schema(of)


def _ref(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def _of_channel(name: str) -> Json:
    return {"$ref": f"#/channels/orders/messages/{name}"}
