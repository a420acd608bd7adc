"""Traces: spans of what is done for an order, from its request to the push of its events.

    request ▶ submit ── message's attribute ──▶ process ▶ attempt ▶ quote, build, send, confirm
                  └▶ publish                                   └▶ publish ── the published text ──▶ push

A span is a child of the one around it. To another process the context travels as W3C's `traceparent`. Where
no tracer is in use, which is the default, a span is one object that does nothing.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

Result = TypeVar("Result")
Value = str | int | float | None


class Span(Protocol):
    """`with span as it`: what is done within. An exception that leaves it marks it as failed."""

    def __enter__(self) -> Span:
        """Begin it."""

    def __exit__(self, *failure: object) -> None:
        """End it."""

    def set(self, **attributes: Value) -> None:
        """Add attributes; those that are None are left out."""


class Tracer(Protocol):
    """Makes spans."""

    def span(
        self, name: str, parent: str | None, began_ms: float | None, entry: bool, attributes: dict[str, Value]
    ) -> Span:
        """A span; see `span` of this module."""

    def traceparent(self) -> str:
        """The context of the span that is around, to be a `parent` elsewhere."""

    def carrying(self, work: Coroutine[Any, Any, Result]) -> Coroutine[Any, Any, Result]:
        """`work`, within the span that is around now, whatever awaits it."""


class NoSpan:
    """A span that is not recorded."""

    def __enter__(self) -> NoSpan:
        return self

    def __exit__(self, *failure: object) -> None:
        return

    def set(self, **attributes: Value) -> None:
        return


_NO_SPAN = NoSpan()
_tracer: Tracer | None = None


def use(tracer: Tracer | None) -> None:
    """Have this process's spans made by `tracer`; by none if it is None."""
    global _tracer
    _tracer = tracer


def is_on() -> bool:
    """Whether spans are recorded."""
    return _tracer is not None


def span(
    name: str,
    parent: str | None = None,
    *,
    began_ms: float | None = None,
    entry: bool = False,
    **attributes: Value,
) -> Span:
    """A span, to be used in a `with`.

    Its parent is the span around it, or the one whose `traceparent` is given; "" is none. `began_ms`, since
    1970, is when it began, if not now. An `entry` is what a function was invoked for.
    """
    return _NO_SPAN if _tracer is None else _tracer.span(name, parent, began_ms, entry, attributes)


def traceparent() -> str:
    """The context of the span that is around, to be a `parent` elsewhere; empty where there is none."""
    return "" if _tracer is None else _tracer.traceparent()


def carrying(work: Coroutine[Any, Any, Result]) -> Coroutine[Any, Any, Result]:
    """`work`, within the span that is around now, whatever awaits it."""
    return work if _tracer is None else _tracer.carrying(work)
