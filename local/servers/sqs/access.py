"""The access key that this SQS takes where the environment gives none: made once, and kept with its files."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from ...private import write_private
from ...signatures import AccessKey

NAME = "access-key"


def kept_key(folder: Path) -> AccessKey:
    """The key of the server whose files are in `folder`. Raises OSError."""
    path = folder / NAME
    try:
        return AccessKey(**json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, TypeError):  # not there, or not ours
        key = AccessKey.random()
        write_private(path, json.dumps(asdict(key)))
        return key
