"""Traces on one machine: spans go to OTEL_EXPORTER_OTLP_ENDPOINT, and to a file in the state folder.

The packages are in an environment of their own, installed when traces are first asked for. They come last in
`sys.path`, so nothing that the engine has is replaced.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.ports import tracing

from .environments import add_packages

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
TRACE = "ENGINE_TRACE"  # 1: also without an endpoint
FOLDER = "traces"  # in the state folder
MOST_BYTES = 64 * 2**20  # of a file; what comes then replaces it

Line = dict[str, object]


@contextmanager
def tracing_to(state: Path, process: str, environ: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Have this process's spans recorded, where the environment asks for that. Raises ServiceError."""
    sends = any(environ.get(name) for name in ENDPOINTS)
    if not sends and environ.get(TRACE, "0") in ("", "0"):
        yield
        return
    add_packages("observe")
    from chalicelib.adapters.otlp import OtlpTracer

    tracer = OtlpTracer(process, [SpanFile(state / FOLDER / f"{process}.jsonl")], sends=sends)
    tracing.use(tracer)
    try:
        yield
    finally:
        tracing.use(None)
        tracer.close()


class SpanFile:
    """An exporter of OpenTelemetry's SDK: each span is a line of JSON, as `spans` reads them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(mode=0o700, exist_ok=True)

    def export(self, spans: Sequence[ReadableSpan]) -> object:
        """Append the spans."""
        from opentelemetry.sdk.trace.export import SpanExportResult

        text = "".join(json.dumps(_line(span)) + "\n" for span in spans)
        try:
            if self._path.exists() and self._path.stat().st_size > MOST_BYTES:
                self._path.unlink()
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(text)
        except OSError:
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing is open."""

    def force_flush(self, timeout_millis: int = 0) -> bool:
        """Nothing waits."""
        return True


def spans(state: Path) -> Iterator[Line]:
    """The spans of every process."""
    for path in sorted((state / FOLDER).glob("*.jsonl")):
        for text in path.read_text().splitlines():
            try:
                yield {"process": path.stem, **json.loads(text)}
            except ValueError:  # a process was killed in the middle
                continue


def _line(span: ReadableSpan) -> Line:
    began, ended = span.start_time or 0, span.end_time or 0
    return {
        "name": span.name,
        "trace": f"{span.context.trace_id:032x}",
        "span": f"{span.context.span_id:016x}",
        "parent": f"{span.parent.span_id:016x}" if span.parent else None,
        "began_ms": began / 1e6,
        "took_ms": round((ended - began) / 1e6, 3),
        "failed": span.status.status_code.name == "ERROR",
        **{key: value for key, value in (span.attributes or {}).items() if key not in ("name", "trace")},
    }
