"""A log record as a line of JSON: `{"at", "level", "logger", "event", …}`, a field for each `key=` of it."""

from __future__ import annotations

import logging
import re
import time
import traceback
from functools import cache, lru_cache

import msgspec
from chalicelib.logs import Line, found_in

from .terminal import masked

_FIELD = re.compile(r" ?\w+=%[-+ #0]*\d*(?:\.\d+)?[a-z]")
_encode = msgspec.json.Encoder(enc_hook=str).encode


class JsonLine(logging.Formatter):
    """A record as JSON, with the name of the process that logs, where it has one."""

    def __init__(self, process: str = "") -> None:
        super().__init__()
        self._more = {"process": process} if process else {}

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        return as_json(record, **self._more).decode()


def as_json(record: logging.LogRecord, **more: str) -> bytes:
    """A record as JSON, passwords in URLs masked."""
    if isinstance(record.msg, Line):
        event, fields = record.msg.event, record.msg.known()
    else:
        event, fields = _event(str(record.msg)) or record.getMessage(), found_in(record)
    if record.exc_info and record.exc_info[1]:
        fields["exception"] = "".join(traceback.format_exception(record.exc_info[1]))
    return line(record.created, record.levelname, record.name, event, more | fields)


def line(created: float, level: str, logger: str, event: str, fields: dict[str, object]) -> bytes:
    """A line of JSON, passwords in URLs masked."""
    whole = {"at": _time(created), "level": level, "logger": logger, "event": event, **fields}
    text = _encode(whole)
    if b"://" in text or b"password=" in text:
        text = _encode(
            {key: masked(value) if isinstance(value, str) else value for key, value in whole.items()}
        )
    return text


@cache
def _event(template: str) -> str:
    """What a message says before its fields; empty where it has values that are no fields."""
    event = _FIELD.sub("", template)
    return "" if "%" in event else event.strip()


def _time(created: float) -> str:
    second = int(created)
    return f"{_second(second)}.{int((created - second) * 1000):03d}Z"


@lru_cache(maxsize=2)
def _second(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
