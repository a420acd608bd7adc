"""Spans by OpenTelemetry's SDK, which sends them over OTLP/HTTP in the background.

This is imported only where traces are on: the SDK takes longer to import than all else of a function. It is
configured by the standard variables, such as OTEL_EXPORTER_OTLP_HEADERS and OTEL_TRACES_SAMPLER.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ..ports.tracing import Value

Result = TypeVar("Result")

SERVICE = "order-engine"
FLUSH_MS = 1000
SOON_MS = 500  # to exporters of this machine
_propagator = TraceContextTextMapPropagator()


class OtlpTracer:
    """`ports.tracing.Tracer`. `process` is the name of what runs here; `exporters` are those beside OTLP's.

    With `flush_entries`, spans are sent before an invocation ends: on Lambda the process is frozen then.
    """

    def __init__(
        self,
        process: str,
        exporters: Sequence[SpanExporter] = (),
        *,
        sends: bool = True,
        flush_entries: bool = False,
    ) -> None:
        resource = Resource.create({"service.name": SERVICE, "service.instance.id": process})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        for exporter in exporters:
            self._provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=SOON_MS))
        if sends:
            self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer(SERVICE)
        self._flush_entries = flush_entries

    def span(
        self, name: str, parent: str | None, began_ms: float | None, entry: bool, attributes: dict[str, Value]
    ) -> OtlpSpan:
        context = None if parent is None else _propagator.extract({"traceparent": parent}, Context())
        span = self._tracer.start_span(
            name,
            context,
            kind=SpanKind.SERVER if entry else SpanKind.INTERNAL,
            attributes={key: value for key, value in attributes.items() if value is not None},
            start_time=int((began_ms or time.time() * 1000) * 1_000_000),
        )
        return OtlpSpan(span, self.flush if entry and self._flush_entries else None)

    def traceparent(self) -> str:
        carrier: dict[str, str] = {}
        _propagator.inject(carrier)
        return carrier.get("traceparent", "")

    def carrying(self, work: Coroutine[Any, Any, Result]) -> Coroutine[Any, Any, Result]:
        return _within(contexts.get_current(), work)

    def flush(self) -> None:
        """Send what waits, for a second at most."""
        self._provider.force_flush(FLUSH_MS)

    def close(self) -> None:
        """Send what waits, and end the threads."""
        self.flush()
        self._provider.shutdown()


class OtlpSpan:
    """`ports.tracing.Span`; `ended` is called after its end."""

    def __init__(self, span: trace.Span, ended: Callable[[], None] | None = None) -> None:
        self._span = span
        self._ended = ended
        self._around: AbstractContextManager[object]

    def __enter__(self) -> OtlpSpan:
        self._around = trace.use_span(self._span, end_on_exit=True)
        self._around.__enter__()
        return self

    def __exit__(self, *failure: object) -> None:
        self._around.__exit__(*failure)  # type: ignore[arg-type]
        if self._ended is not None:
            self._ended()

    def set(self, **attributes: Value) -> None:
        self._span.set_attributes({key: value for key, value in attributes.items() if value is not None})


async def _within(context: Context, work: Coroutine[Any, Any, Result]) -> Result:
    token = contexts.attach(context)
    try:
        return await work
    finally:
        contexts.detach(token)
