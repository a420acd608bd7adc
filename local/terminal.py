"""The log of a command on its terminal, in which passwords are masked."""

from __future__ import annotations

import logging
import re
import traceback

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
FORMS = ("text", "json")
CHATTY = ("aiohttp", "asyncio", "boto3", "botocore", "urllib3", "uvicorn", "websockets")
_IN_URL = re.compile(r"(://[^:/@\s]*:)\S+(@)")
_AS_KEY = re.compile(r"(password=)[^\s&]+")


def log_to_stderr(level: str, *, process: str = "", form: str = "text") -> None:
    """Log everything from `level` on; of the libraries, only what is wrong, except at DEBUG.

    `process` says which one logs, where several do. `form` is `text`, or `json`.
    """
    handler = logging.StreamHandler()
    handler.setLevel(level)  # a log file may take more
    if form == "json":
        from .log_lines import JsonLine

        handler.setFormatter(JsonLine(process))
    else:
        who = f"{process:7} " if process else ""
        handler.setFormatter(OneLine(f"%(asctime)s {who}%(levelname)-7s %(name)s: %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.NOTSET if level == "DEBUG" else logging.WARNING)


class OneLine(logging.Formatter):
    """Says an exception in the entry's own line; its traceback follows at DEBUG only."""

    def format(self, record: logging.LogRecord) -> str:
        """The entry as text, passwords in URLs masked."""
        text = super().format(record)
        if record.exc_info and record.exc_info[1] and not _is_debugging():
            text = f"{text.partition(chr(10))[0]}: {_said(record.exc_info[1])}"
        return masked(text)


def masked(text: str) -> str:
    """`text` with passwords replaced: `redis://user:***@host`, `password=***`."""
    return _AS_KEY.sub(r"\1***", _IN_URL.sub(r"\1***\2", text))


def _said(error: BaseException) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1:]
    where = f" ({place[0].name}, {place[0].filename.rpartition('/')[2]}:{place[0].lineno})" if place else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())}{where}"


def _is_debugging() -> bool:
    return logging.getLogger().isEnabledFor(logging.DEBUG)
