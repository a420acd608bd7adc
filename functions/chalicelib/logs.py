"""Log lines: `event key=value …` as text, and the same keys as fields in JSON.

Lambda's formatter writes a record's own attributes as fields beside `message` and `requestId`. So a line
that says `order=%s` can be searched by `order`, and stays readable on a terminal. On one machine the engine's
log file has the same fields (local/log_file.py).
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
        for key, value in found_in(record).items():
            if not hasattr(record, key):
                setattr(record, key, value)
        return True


def found_in(record: logging.LogRecord) -> dict[str, object]:
    """The `key=%…` of a record's message, each with its value: numbers as such, others as in the text."""
    if not isinstance(record.args, tuple):
        return {}
    return {
        key: value if isinstance(value, plain) else directive % (value,)
        for (key, directive, plain), value in zip(_keys(str(record.msg)), record.args, strict=False)
        if key
    }


def fields(event: str, **given: object) -> tuple[object, ...]:
    """What to log of an event: its line and the values, without those that are None or empty."""
    known = {key: value for key, value in given.items() if value is not None and value != ""}
    return _line(event, tuple(known)), *known.values()


def configure() -> None:
    """Log a line for each call, with its fields; for a process on Lambda."""
    logging.basicConfig()  # for an emulator: on Lambda there is a handler already
    logging.getLogger("chalicelib").setLevel(logging.INFO)
    for handler in logging.getLogger().handlers:
        handler.addFilter(Fields())


@cache
def _line(event: str, keys: tuple[str, ...]) -> str:
    return " ".join([event, *(f"{key}=%s" for key in keys)])


@cache
def _keys(template: str) -> tuple[tuple[str, str, tuple[type, ...]], ...]:
    """The key before each directive of the message, "" where there is none; the directive itself; and which
    values stand for themselves there.
    """
    directives = [(found[1] or "", found[2]) for found in _DIRECTIVE.finditer(template) if found[2]]
    return tuple(
        (key, directive, (str, int, float) if directive == "%s" else (int, float))
        for key, directive in directives
    )
