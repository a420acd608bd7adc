"""Checks messages of a WebSocket against the AsyncAPI document: each is one of its, with no other field."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from chalicelib.api.wire.document import open_tokens
from jsonschema import Draft202012Validator

from local import FUNCTIONS

DOCUMENT = json.loads((FUNCTIONS / "chalicelib" / "asyncapi.json").read_text())
open_tokens(DOCUMENT)  # some engines have a token list
ANSWERS = {
    "subscribed": "Subscribed",
    "unsubscribed": "Unsubscribed",
    "cancelled": "CancelledOne",
    "pong": "Pong",
}


def check_message(message: dict[str, Any]) -> None:
    """Raises AssertionError unless the document has such a message."""
    name = _name(message)
    wrong = [error.message for error in _validator(name).iter_errors(message)]
    assert not wrong, f"{message} is no {name}: {wrong}"
    unknown = message.keys() - DOCUMENT["components"]["schemas"][name]["properties"].keys()
    assert not unknown, f"{name} does not have {unknown}"


def _name(message: dict[str, Any]) -> str:
    if "action" in message:
        return ANSWERS[message["action"]]
    if "seq" in message:
        return f"{str(message['status']).capitalize()}Event"
    return "Submitted" if "websocket" in message else "Error"


@cache
def _validator(name: str) -> Draft202012Validator:
    here = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    return Draft202012Validator(here)
