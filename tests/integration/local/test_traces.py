"""Traces of a whole engine, as a collector receives them, and `trace`, which shows them with all else."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from chalicelib.config import Config
from click.testing import CliRunner
from websockets.asyncio.client import connect

from local import ROOT
from local.cli.trace import known, trace
from local.engine import Engine
from local.log_file import logging_to
from local.services import Services
from local.tracing import spans, tracing_to
from tests.fakes import eventually

ORDER = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1"}
CLIENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CONFIG = Config(
    sim_latency=0.0, sim_slot_ms=20, retry_base_ms=0, sim_faults="quote-timeout token=COPE times=1"
)


class Collector:
    """Receives spans over OTLP/HTTP."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                is_zipped = self.headers.get("Content-Encoding") == "gzip"
                collector.bodies.append(gzip.decompress(body) if is_zipped else body)
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def spans(self) -> list[dict[str, Any]]:
        """What was received, decoded."""
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        return [
            {
                "name": span.name,
                "trace": span.trace_id.hex(),
                "span": span.span_id.hex(),
                "parent": span.parent_span_id.hex(),
                **{each.key: each.value.string_value or each.value.int_value for each in span.attributes},
            }
            for body in self.bodies
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    found = Collector()
    thread = threading.Thread(target=found.server.serve_forever, args=(0.05,))
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def services(state: Path) -> Iterator[Services]:
    with Services(state, environ={}, durable=False) as running:
        yield running


@pytest.fixture
async def engine(
    state: Path, services: Services, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Engine]:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    with ExitStack() as stack:
        stack.enter_context(logging_to(state, "engine"))
        stack.enter_context(tracing_to(state, "engine"))
        async with Engine(CONFIG, services.endpoints, port=0) as engine:
            yield engine


async def confirmed(engine: Engine, **terms: str) -> str:
    """An order that was submitted within the client's own trace, and followed until it was confirmed."""
    async with httpx.AsyncClient(base_url=engine.url) as http:
        headers = {"traceparent": CLIENT}
        answer = await http.post("/api/orders/execute", json={**ORDER, **terms}, headers=headers)
    found = answer.json()
    async with connect(found["websocket"]) as socket:
        while json.loads(await socket.recv())["status"] != "confirmed":
            pass
    return str(found["orderId"])


def above(span: dict[str, Any], received: list[dict[str, Any]]) -> list[str]:
    """The names of the spans that a span is within, the innermost first."""
    by_id = {each["span"]: each for each in received}
    names = []
    while span["parent"] in by_id:
        span = by_id[span["parent"]]
        names.append(span["name"])
    return names


async def test_an_order_is_one_trace_from_its_request_to_its_pushes(
    engine: Engine, collector: Collector, state: Path
) -> None:
    order_id = await confirmed(engine)
    last = {"attempt", "push"}  # which are sent by themselves, in either order
    is_there = lambda: last <= {span["name"] for span in collector.spans()}  # noqa: E731
    await eventually(is_there, within=10.0)
    received = [span for span in collector.spans() if span["trace"] == CLIENT.split("-")[1]]
    found = {(span["name"], *above(span, received)) for span in received}
    worked = ("attempt", "process", "submit", "request")
    assert found >= {
        ("request",),
        ("submit", "request"),
        ("queue wait", "submit", "request"),
        worked,
        ("quote", *worked),
        ("build", *worked),
        ("send", *worked),
        ("confirm", *worked),
        ("publish", "submit", "request"),
        ("publish", "confirm", *worked),
    }
    request = next(span for span in received if span["name"] == "request")
    assert (request["parent"], request["order"], request["status"]) == (CLIENT.split("-")[2], order_id, 202)
    attempt = next(span for span in received if span["name"] == "attempt")
    assert {**attempt, "order": order_id, "account": "local", "attempt": 1, "status": "confirmed"} == attempt
    assert {span["venue"] for span in received if span["name"] == "quote"} == {"raydium", "meteora", "orca"}
    assert {span["order"] for span in collector.spans() if span["name"] == "push"} == {order_id}
    await shown(state, order_id)


async def shown(state: Path, order_id: str) -> None:
    """`trace` has every kind of thing that is known of the order, by time."""
    await eventually(lambda: any(span["name"] == "attempt" for span in spans(state)))
    row, entries = await known(state, order_id[:8])
    assert (row["id"], row["status"]) == (order_id, "confirmed")
    assert [entry["at"] for entry in entries] == sorted(entry["at"] for entry in entries)
    events = [entry["what"] for entry in entries if entry["source"] == "event"]
    assert events == ["pending", "routing", "building", "submitted", "confirmed"]
    facts = {entry["what"] for entry in entries if entry["source"] == "sql"}
    assert facts >= {"order stored", "transaction received by the chain", "transaction landed"}
    names = {entry["what"] for entry in entries if entry["source"] == "span"}
    assert names >= {"request", "submit", "attempt", "quote"}

    def logged() -> list[str]:
        path = state / "logs" / "engine.log"
        return [line for line in path.read_text().splitlines() if order_id in line]

    await eventually(lambda: len(logged()) >= 6)


async def test_the_attempts_of_an_order_are_in_one_trace(engine: Engine, collector: Collector) -> None:
    order_id = await confirmed(engine, tokenOut="COPE")

    def attempts() -> list[dict[str, Any]]:
        return [
            span for span in collector.spans() if (span["name"], span.get("order")) == ("attempt", order_id)
        ]

    await eventually(lambda: len(attempts()) == 2, within=10.0)
    assert [span["attempt"] for span in attempts()] == [1, 2]
    assert {span["trace"] for span in attempts()} == {CLIENT.split("-")[1]}


def test_what_is_no_orders_id_is_refused(state: Path) -> None:
    result = CliRunner().invoke(trace, ["--state", str(state), "not-an-id"])
    assert result.exit_code != 0


def test_without_an_endpoint_nothing_of_opentelemetry_is_imported() -> None:
    code = "import sys, app, local.cli.up; print([name for name in sys.modules if 'telemetry' in name])"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'functions'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
