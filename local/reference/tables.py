"""Tables of functions/README.md, and `.env.example`: from the schemas, the codes and the settings."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from dataclasses import fields as fields_of
from typing import Any

import msgspec
from chalicelib.api.wire import schemas
from chalicelib.api.wire.codes import CODES, FAILURES
from chalicelib.config import Config
from chalicelib.domain.errors import AttemptFailed
from chalicelib.domain.lifecycle import Status

from local.reference import openapi

from .closes import CLOSE_CODES

Json = dict[str, Any]

WIDTH = 108  # of .env.example
HEADER = """\
# Every setting. Copy this file to .env and uncomment what you want to change; what the environment sets
# already, and a command's options, go before it.
"""
MACHINE = (
    (
        "ENGINE_HOST",
        "127.0.0.1",
        "address that `./local/run` listens on; any other lets other machines in, and there is no login",
    ),
    ("PORT", "3000", "port that `./local/run` listens on; 0 is a free one"),
    (
        "ENGINE_URL",
        "http://127.0.0.1:3000",
        "where submit, watch, orders and quote find the engine, unless --url or --state say so",
    ),
    (
        "ALLOWED_HOSTS",
        "",
        "names that clients may call the engine by (`Host`), with commas between, beside localhost, "
        "127.0.0.1, [::1] and the address that they have connected to; `*` is every one, also one that a "
        "page elsewhere has resolve to this machine",
    ),
    (
        "TRUSTED_PROXIES",
        "",
        "addresses and CIDRs of the proxies in front, such as 10.0.0.0/8; of them alone X-Forwarded-For, "
        "-Proto, -Host and -Prefix are believed, and limits count each client behind them by itself",
    ),
    (
        "PATH_PREFIX",
        "",
        "path that a proxy serves the engine under, such as /engine, if it sends no X-Forwarded-Prefix",
    ),
    (
        "ENGINE_SEPARATE",
        "0",
        "1 runs gateway, worker and relay in processes of their own, as `up --separate` does",
    ),
    ("LOG_LEVEL", "WARNING", "what the engine logs to stderr: DEBUG, INFO, WARNING or ERROR"),
    ("LOG_FORMAT", "text", "how: `text`, or `json`, a line of JSON for each entry"),
    ("ENGINE_TRACE", "0", "1 records spans for `./local/run trace`, as `up --trace` does"),
    (
        "LOCALSTACK_HOST",
        "",
        "an emulator's host, in place of AWS_ENDPOINT_URL, as LocalStack's own tools take it: <host>:<port>",
    ),
    ("AWS_DEFAULT_REGION", "us-east-1", "region; this is what emulators take"),
    (
        "AWS_ACCESS_KEY_ID",
        "test",
        "access key; this is what emulators take, and an SQS that is started here makes its own unless both "
        "halves are set",
    ),
    ("AWS_SECRET_ACCESS_KEY", "test", "secret key, the other half"),
)
"""What only a developer's machine reads: name, default, meaning."""
SECTIONS = {  # a heading, before the setting that it begins with
    "database_url": "Servers: where one is not given, `./local/run` starts it",
    "database_secret": "Where it is deployed",
    "database_connections": "The engine",
    "world": "Venues, chain and wallet",
}


def filled(readme: str) -> str:
    """The README with each generated table as it should be."""
    for name, table in _tables().items():
        begin, end = f"<!-- generated: {name} -->\n", "<!-- /generated -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        whole = f"{begin}{table}{end}".replace("\\", r"\\")
        readme, found = pattern.subn(whole, readme)
        if found != 1:
            raise SystemExit(f"functions/README.md has {found} tables that are called {name!r}, not one")
    return readme


def dotenv() -> str:
    """`.env.example`: every setting with its default, commented out."""
    lines = [HEADER, _heading("On this machine")]
    lines += [_setting(name, default, doc) for name, default, doc in MACHINE]
    for item in fields_of(Config):
        if item.name in SECTIONS:
            lines.append("\n" + _heading(SECTIONS[item.name]))
        lines.append(_setting(item.name.upper(), str(item.default), item.metadata["doc"]))
    return "".join(lines)


def _tables() -> dict[str, str]:
    return {
        "submit": _table(("field", "type", "meaning"), _field_rows(schemas.NewOrder)),
        "order": _table(("field", "meaning"), [(name, note) for name, _, note in _field_rows(schemas.Order)]),
        "quote": _table(("field", "meaning"), [(name, note) for name, _, note in _field_rows(schemas.Quote)]),
        "events": _table(("status", "fields"), _event_rows()),
        "closes": _table(("close code", "why", "connect again"), _close_rows()),
        "errors": _table(("status", "code", "when"), _error_rows()),
        "failures": _table(("code", "retried", "when"), _failure_rows()),
        "settings": _table(("variable", "default", "meaning"), _setting_rows()),
    }


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = "".join(f"| {' | '.join(line)} |\n" for line in (head, *rows))
    first, _, others = lines.partition("\n")
    return f"{first}\n|{'---|' * len(head)}\n{others}"


def _field_rows(of: type[schemas.Object]) -> list[tuple[str, str, str]]:
    rows = []
    required = {item.encode_name for item in msgspec.structs.fields(of) if item.required}
    for name, schema in openapi.fields(of).items():
        optional = "" if name in required else "optional: "
        note = schema.get("description", "")
        if "default" in schema:
            note = f"{note}; {schema['default']} unless set"
        rows.append((f"`{name}`", _type(schema), (optional if of is schemas.NewOrder else "") + note))
    return rows


def _type(schema: Json) -> str:
    if "anyOf" in schema and "type" not in schema:
        return ", or ".join(_type(one) for one in schema["anyOf"])
    if schema.get("type") == "integer" and "maximum" in schema:
        return f"whole number from {schema['minimum']} to {schema['maximum']}"
    if schema.get("type") == "number":
        return "number"
    if schema.get("examples") == ["1.5"]:
        return "decimal string"
    if "minLength" in schema:
        return f"string of {schema['minLength']} to {schema['maxLength']} printable ASCII characters"
    return "string"


def _event_rows() -> list[tuple[str, str]]:
    rows = []
    for status in Status:
        kinds = schemas.EVENTS[status]
        notes = [f"{'' if len(kinds) == 1 else _doc(kind) + ' '}{_names(kind)}" for kind in kinds]
        if status is Status.BUILDING:
            notes.append("; `quotes` has a quote or `{error, code}` for each venue")
        rows.append((f"`{status.value}`", (". " if len(kinds) > 1 else "").join(notes)))
    return rows


def _doc(kind: type[schemas.Object]) -> str:
    doc = str(kind.__doc__).partition("\n")[0].rstrip(".")
    return "The first:" if kind is schemas.Terms else f"{doc}:"


def _names(kind: type[schemas.Object]) -> str:
    shown = []
    for name, schema in openapi.fields(kind).items():
        inner = getattr(schemas, schema.get("$ref", "").rpartition("/")[2], None)
        if isinstance(inner, type) and issubclass(inner, schemas.Object):  # and no enumeration
            parts = f" {{{', '.join(openapi.fields(inner))}}}"
        else:
            parts = ""
        shown.append(f"`{name}`{f' `{parts.strip()}`' if parts else ''}")
    return ", ".join(shown) if shown else "–"


def _close_rows() -> list[tuple[str, str, str]]:
    return [(", ".join(map(str, codes)), reason, again) for codes, reason, again in CLOSE_CODES]


def _error_rows() -> list[tuple[str, str, str]]:
    return [(", ".join(map(str, code.statuses)), f"`{name}`", code.when) for name, code in CODES.items()]


def _failure_rows() -> list[tuple[str, str, str]]:
    retried = {error.code: error.retryable for error in AttemptFailed.__subclasses__()}
    return [(f"`{name}`", "yes" if retried.get(name) else "no", when) for name, when in FAILURES.items()]


def _setting_rows() -> list[tuple[str, str, str]]:
    rows = []
    for item in fields_of(Config):
        least, most = item.metadata["least"], item.metadata["most"]
        bounds = f" ({least}–{most})" if most is not None else ""
        default = f"`{item.default}`" if item.default != "" else "–"
        rows.append((f"`{item.name.upper()}`", default, item.metadata["doc"] + bounds))
    return rows


def _heading(title: str) -> str:
    return f"# --- {title} ".ljust(WIDTH, "-") + "\n\n"


def _setting(name: str, default: str, doc: str) -> str:
    note = textwrap.fill(
        doc if "://" in doc.split()[0] else doc[0].upper() + doc[1:],
        WIDTH,
        initial_indent="# ",
        subsequent_indent="# ",
        break_on_hyphens=False,
    )
    return f"{note}\n#{name}={default}\n"
