"""The secret with which the engine on this machine hashes API keys: made once, for our eyes only."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path

from .private import write_private

NAME = "key.pepper"  # in the state folder


def pepper(state: Path, environ: Mapping[str, str]) -> str:
    """KEY_PEPPER, or the one that is kept in `state`, made if there is none."""
    if given := environ.get("KEY_PEPPER", "").strip():
        return given
    path = state / NAME
    if not path.exists():
        state.mkdir(parents=True, exist_ok=True)
        write_private(path, secrets.token_urlsafe(32))
    return path.read_text()
