"""Log lines: `event key=value …` as text, and the same keys as fields in JSON.

Lambda's formatter writes a record's own attributes as fields beside `message` and `requestId`. So a line
that says `order=%s` can be searched by `order`, and stays readable on a terminal. On one machine the engine's
log file has the same fields (local/log_file.py).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from functools import cache

_DIRECTIVE = re.compile(r"%%|(?:(\w+)=)?(%[-+ #0]*\d*(?:\.\d+)?[a-z])")


class Line:
    """A message that becomes text, or fields, only where it is written: `log.info(Line("fired", orders=3))`.

    Fields that are None or empty are left out.
    """

    __slots__ = ("event", "fields")

    def __init__(self, event: str, **fields: object) -> None:
        self.event = event
        self.fields = fields

    def __str__(self) -> str:
        return " ".join([self.event, *(f"{key}={value}" for key, value in self.known().items())])

    def known(self) -> dict[str, object]:
        """The fields that have a value."""
        return {key: value for key, value in self.fields.items() if value is not None and value != ""}


_sink: Callable[[str, Line], None] | None = None


def info(log: logging.Logger, line: Line) -> None:
    """`log.info(line)`, for lines that come with each order: past the machinery, where a file takes them."""
    if _sink is None:
        log.info(line)
    else:
        _sink(log.name, line)


def send_to(sink: Callable[[str, Line], None] | None) -> None:
    """Have `info` call `sink` with the logger's name and the line; with None, log as all else is."""
    global _sink
    _sink = sink


class Fields(logging.Filter):
    """Sets each field of a record's message as an attribute of the record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass."""
        for key, value in found_in(record).items():
            if not hasattr(record, key):
                setattr(record, key, value)
        return True


def found_in(record: logging.LogRecord) -> dict[str, object]:
    """The fields of a `Line`, or the `key=%…` of a message: numbers as such, others as in the text."""
    if isinstance(record.msg, Line):
        return record.msg.known()
    if not isinstance(record.args, tuple):
        return {}
    return {
        key: value if isinstance(value, plain) else directive % (value,)
        for (key, directive, plain), value in zip(_keys(str(record.msg)), record.args, strict=False)
        if key
    }


def configure() -> None:
    """Log a line for each call, with its fields; for a process on Lambda."""
    logging.basicConfig()  # for an emulator: on Lambda there is a handler already
    logging.getLogger("chalicelib").setLevel(logging.INFO)
    for handler in logging.getLogger().handlers:
        handler.addFilter(Fields())


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
