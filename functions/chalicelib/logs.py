"""Log lines: `event key=value …` as text, and the same keys as fields under Lambda's JSON format.

Lambda's formatter writes a record's own attributes as fields beside `message` and `requestId`. So a line that
says `order=%s` can be searched by `order`, and stays readable on a terminal.
"""

from __future__ import annotations

import logging
import re
from functools import cache

_DIRECTIVE = re.compile(r"%%|(?:(\w+)=)?(%[-+ #0]*\d*(?:\.\d+)?[a-z])")


class Fields(logging.Filter):
    """Sets each `key=%…` of a record's message as an attribute of the record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass."""
        if isinstance(record.args, tuple):
            for (key, directive), value in zip(_keys(str(record.msg)), record.args, strict=False):
                if key and not hasattr(record, key):
                    number = isinstance(value, (int, float))
                    setattr(record, key, value if number else directive % (value,))
        return True


def configure() -> None:
    """Log a line for each call, with its fields; for a process on Lambda."""
    logging.basicConfig()  # for an emulator: on Lambda there is a handler already
    logging.getLogger("chalicelib").setLevel(logging.INFO)
    for handler in logging.getLogger().handlers:
        handler.addFilter(Fields())


@cache
def _keys(template: str) -> tuple[tuple[str, str], ...]:
    """The key before each directive of the message, "" where there is none, and the directive itself."""
    return tuple((found[1] or "", found[2]) for found in _DIRECTIVE.finditer(template) if found[2])
