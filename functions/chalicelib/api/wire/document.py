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
    """Drop every choice below `node` between the tokens that there are and a mint."""
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    choices = node.get("anyOf", ()) if isinstance(node, dict) else ()
    if isinstance(node, dict) and any(TOKENS[0].symbol in one.get("enum", ()) for one in choices):
        del node["anyOf"]
    for child in children:
        _open(child)
