"""Ids in the form of a UUID, of a part that is drawn once and a number: as unique, at a tenth of the cost."""

from __future__ import annotations

import uuid
from itertools import count

_PROCESS = str(uuid.uuid4())[:23]
_numbers = count(1)


def new_id() -> str:
    """An id that no other process gives, nor this one again. It can be guessed."""
    return f"{_PROCESS}-{next(_numbers):012x}"
