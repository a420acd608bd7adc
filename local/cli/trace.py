"""`trace`: all that is known of one order, in one order of time.

Postgres: the order's row, events, and transactions on the simulated chain ─┐
the queue: its dead letters                                                 ├─▶ entries, sorted by time
the state folder: log lines, and spans where traces were recorded          ─┘
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import psycopg
from chalicelib.api.wire.events import event_object
from chalicelib.config import Config
from chalicelib.domain.account import LOCAL
from chalicelib.domain.errors import TemporarilyUnavailable
from chalicelib.domain.lifecycle import TERMINAL
from chalicelib.ports.queue import DeadLetter
from psycopg.rows import dict_row

from ..client.commands import options
from ..client.commands.view import dump, say
from ..client.errors import ClientError
from ..landed import call, first_node
from ..tracing import spans
from . import logs, machine
from .operating import operating

LONGEST_ID = 32  # hexadecimal digits
COLOURS = {
    "event": "cyan",
    "log": "white",
    "span": "magenta",
    "sql": "blue",
    "queue": "yellow",
    "chain": "green",
}

HIDDEN = ("at", "source", "what", "orderId", "seconds", "trace", "span", "parent")

Row = dict[str, Any]
Entry = dict[str, Any]


@click.command()
@click.argument("order_id", metavar="ORDER")
@machine.state
@options.as_json
def trace(order_id: str, state: Path, as_json: bool) -> None:
    """Show all that is known of ORDER by time: events, log lines, spans, its row, the chain, the queue.

    ORDER is an id, or the beginning of one. Spans are there if the engine ran with `up --trace`, or has sent
    them to OTEL_EXPORTER_OTLP_ENDPOINT. It reads the servers of the engine that runs on --state.

    \b
    Example: ./local/run trace 7f0c2f8e
             ./local/run trace 7f0c2f8e --json
    """
    row, entries = asyncio.run(known(state, order_id))
    if as_json:
        dump({"order": row, "entries": entries})
        return
    began = datetime.fromisoformat(entries[0]["at"])
    for entry in entries:
        say(_shown(entry, began))
    say("")
    say("row    " + _pairs({name: value for name, value in row.items() if value is not None}))


async def known(state: Path, prefix: str) -> tuple[Row, list[Entry]]:
    """The order's row, and every entry, the oldest first. Raises ClientError."""
    async with operating(state) as engine:
        with psycopg.connect(engine.config.database_url, row_factory=dict_row) as connection:
            row = _order(connection, prefix)
            order_id = str(row["id"])
            entries = [*_of_row(row), *_of_chain(connection, order_id)]
        events = await engine.store.events(order_id)
        entries += [_entry(event.at, "event", event.status.value, event_object(event)) for event in events]
        if engine.config.world == "solana":
            sent = dict.fromkeys(str(event.detail["txHash"]) for event in events if "txHash" in event.detail)
            entries += await asyncio.to_thread(lambda: [*_of_cluster(engine.config, sent)])
        with suppress(TemporarilyUnavailable):
            letters = await engine.redrive.read(LOCAL) if row["status"] == "failed" else []
            entries += [_of_letter(letter) for letter in letters if letter.order_id == order_id]
    entries += _of_log(state, order_id)
    entries += _of_spans(state, order_id)
    shown = {name: _plain(value) for name, value in row.items()}
    return shown, sorted(entries, key=lambda entry: str(entry["at"]))


def _order(connection: psycopg.Connection[Row], prefix: str) -> Row:
    digits = prefix.replace("-", "").lower()
    if not digits or len(digits) > LONGEST_ID or set(digits) - set("0123456789abcdef"):
        raise click.BadParameter(f"{prefix!r} is not the beginning of an order's id.", param_hint="ORDER")
    query = "SELECT * FROM orders WHERE id BETWEEN %s::uuid AND %s::uuid LIMIT 2"
    bounds = digits.ljust(LONGEST_ID, "0"), digits.ljust(LONGEST_ID, "f")
    found = connection.execute(query, bounds).fetchall()
    if len(found) != 1:
        raise ClientError(
            f"{prefix!r} begins the ids of several orders." if found else f"There is no order {prefix!r}."
        )
    return found[0]


def _of_row(row: Row) -> Iterator[Entry]:
    """What the order's row says of moments in its life, beside its events."""
    keys = ("token_in", "token_out", "amount_in", "type", "account", "client", "client_order_id")
    yield _entry(row["created_at"], "sql", "order stored", {key: row[key] for key in keys})
    if row["queued_at"]:
        yield _entry(row["queued_at"], "sql", "message acknowledged by the queue")
    if row["lease_until"]:
        yield _entry(row["lease_until"], "sql", "lease ends", {"fence": row["fence"]})
    if row["expires_at"]:
        yield _entry(row["expires_at"], "sql", "time is over")
    if row["status"] not in TERMINAL:
        yield _entry(row["due_at"], "sql", "due", {"attempt": row["attempt"]})


def _of_chain(connection: psycopg.Connection[Row], order_id: str) -> Iterator[Entry]:
    """Its transactions on the simulated chain, where there is one."""
    if connection.execute("SELECT to_regclass('sim.transactions') AS it").fetchall()[0]["it"] is None:
        return
    query = "SELECT * FROM sim.transactions WHERE memo = %s ORDER BY sent_at"
    for sent in connection.execute(query, [order_id]).fetchall():
        what = {key: sent[key] for key in ("signature", "venue", "last_valid_block_height")}
        yield _entry(sent["sent_at"], "sql", "transaction received by the chain", what)
        if sent["lands_at"]:
            what = {key: sent[key] for key in ("signature", "slot", "amount_out", "error_code")}
            yield _entry(sent["lands_at"], "sql", "transaction landed", what)


def _of_cluster(config: Config, signatures: Iterable[str]) -> Iterator[Entry]:
    """Its transactions that have landed on a Solana cluster; a block's time is in whole seconds."""
    url = first_node(config.solana_rpc_urls)
    options = {"commitment": "confirmed", "maxSupportedTransactionVersion": 0}
    for signature in signatures:
        with suppress(OSError):
            found = call(url, "getTransaction", signature, options)
            if found is not None and found["blockTime"] is not None:
                meta = found["meta"]
                what = {
                    "signature": signature,
                    "slot": found["slot"],
                    "fee": meta["fee"],
                    "error": meta["err"],
                }
                what["compute_units"] = meta.get("computeUnitsConsumed")
                at = datetime.fromtimestamp(found["blockTime"], UTC)
                yield _entry(at, "chain", "transaction landed", what)


def _of_letter(letter: DeadLetter) -> Entry:
    return _entry(letter.sent_at, "queue", "message, a dead letter by now", {"message_id": letter.message_id})


def _of_log(state: Path, order_id: str) -> Iterator[Entry]:
    for line in logs.read(state):
        if line.get("order") == order_id:
            hidden = ("at", "event", "order", "logger")
            more = {key: value for key, value in line.items() if key not in hidden}
            yield {"at": line["at"], "source": "log", "what": line["event"], **more}


def _of_spans(state: Path, order_id: str) -> Iterator[Entry]:
    """The spans of the traces that the order is in, but those of other orders there."""
    found = [*spans(state)]
    traces = {span["trace"] for span in found if span.get("order") == order_id}
    for span in found:
        if span["trace"] in traces and span.get("order", order_id) == order_id:
            at = datetime.fromtimestamp(float(str(span["began_ms"])) / 1000, UTC)
            hidden = ("name", "began_ms", "order")
            yield _entry(at, "span", str(span["name"]), {k: v for k, v in span.items() if k not in hidden})


def _entry(at: datetime, source: str, what: str, more: Mapping[str, Any] | None = None) -> Entry:
    known = {key: _plain(value) for key, value in (more or {}).items() if value is not None}
    moment = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {**known, "at": moment, "source": source, "what": what}


def _plain(value: Any) -> Any:
    """A value as JSON has it; of bytes their number."""
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if value is None or isinstance(value, (bool, int, float, str, list, dict)):
        return value
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _shown(entry: Entry, began: datetime) -> str:
    at = datetime.fromisoformat(entry["at"])
    after_ms = (at - began).total_seconds() * 1000
    source = click.style(f"{entry['source']:5}", fg=COLOURS[entry["source"]])
    more = _pairs({key: value for key, value in entry.items() if key not in HIDDEN and value is not False})
    moment = f"{at.astimezone():%H:%M:%S}.{at.microsecond // 1000:03d}"
    return f"{moment} {after_ms:+9.0f} ms  {source} {entry['what']}  {more}"


def _pairs(values: Mapping[str, Any]) -> str:
    """Each value that is short; what has parts of its own is in the JSON."""
    return " ".join(f"{key}={_short(value)}" for key, value in values.items())


def _short(value: Any) -> str:
    return "…" if isinstance(value, (dict, list)) else str(value)
