"""The report as one file."""

from __future__ import annotations

from collections.abc import Sequence

from .rows import Row
from .run import Sample


def page(rows: Sequence[Row], samples: Sequence[Sample], *, other: str) -> str:
    """HTML."""
    return ""
