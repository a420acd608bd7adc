"""The documents of the API as they are served."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ...domain.tokens import TOKENS, all_tokens
from .schemas import SUBMIT_PATH


def document(*, takes_keys: bool = False) -> dict[str, object]:
    """The packaged document. Where a token list adds tokens, it does not say which there are."""
    return _read(has_more_tokens=len(all_tokens()) > len(TOKENS), takes_keys=takes_keys)


def socket_document(address: str) -> dict[str, object]:
    """The AsyncAPI document, for a WebSocket at `address`."""
    found: dict[str, Any] = json.loads((Path(__file__).parents[2] / "asyncapi.json").read_text())
    url = urlsplit(address)
    server = {"host": url.netloc, "protocol": url.scheme}
    prefix, _, _ = url.path.rpartition(SUBMIT_PATH)
    if url.path and not url.path.endswith(SUBMIT_PATH):  # API Gateway's has the stage for its path
        found["channels"]["orders"]["address"] = "/"
        prefix = url.path
    if len(all_tokens()) > len(TOKENS):
        open_tokens(found)
    found["servers"]["engine"] = server | ({"pathname": prefix} if prefix else {})
    return found


@cache
def _read(*, has_more_tokens: bool, takes_keys: bool) -> dict[str, object]:
    found: dict[str, Any] = json.loads((Path(__file__).parents[2] / "openapi.json").read_text())
    if has_more_tokens:
        open_tokens(found)
    if takes_keys:
        for operations in found["paths"].values():
            for operation in operations.values():
                if "security" in operation:
                    operation["security"].remove({})
    return found


def open_tokens(node: object) -> None:
    """Drop every choice below `node` between the tokens that there are and a mint."""
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    choices = node.get("anyOf", ()) if isinstance(node, dict) else ()
    if isinstance(node, dict) and any(TOKENS[0].symbol in one.get("enum", ()) for one in choices):
        del node["anyOf"]
    for child in children:
        open_tokens(child)
