"""The secret with which the engine on this machine hashes API keys: made once, for our eyes only."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

NAME = "key.pepper"  # in the state folder


def pepper(state: Path, environ: Mapping[str, str]) -> str:
    """KEY_PEPPER, or the one that is kept in `state`, made if there is none."""
    if given := environ.get("KEY_PEPPER", "").strip():
        return given
    path = state / NAME
    state.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text()
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(32))
    return path.read_text()
