"""The OpenAPI document as it is served."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from ...domain.tokens import TOKENS, all_tokens


def document() -> dict[str, object]:
    """The packaged document. Where a token list adds tokens, it does not say which there are."""
    return _read(has_more_tokens=len(all_tokens()) > len(TOKENS))


@cache
def _read(*, has_more_tokens: bool) -> dict[str, object]:
    found: dict[str, object] = json.loads((Path(__file__).parents[2] / "openapi.json").read_text())
    if has_more_tokens:
        _open(found)
    return found


def _open(node: object) -> None:
    """Drop every enumeration of tokens below `node`, and what combines those."""
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    if isinstance(node, dict):
        if TOKENS[0].symbol in node.get("enum", ()):
            del node["enum"]
        if any(TOKENS[0].symbol in _sold(one) for one in node.get("anyOf", ())):
            del node["anyOf"]
    for child in children:
        _open(child)


def _sold(schema: dict[str, dict[str, dict[str, list[str]]]]) -> list[str]:
    return schema.get("properties", {}).get("tokenIn", {}).get("enum", [])
