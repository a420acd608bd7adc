"""Operational metrics: the table of all of them, and the port on which they are recorded.

On AWS those that have a name there are written for CloudWatch, without dimensions, as each combination of
dimensions is billed by the month; labels are fields of the line, by which Logs Insights finds them. On one
machine all of them are at `/metrics`, with their labels, for Prometheus.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Kind(StrEnum):
    """How a metric's values add up."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Unit(StrEnum):
    """What a metric's values are, by CloudWatch's names; Prometheus shows times in seconds."""

    COUNT = "Count"
    MS = "Milliseconds"


TIMES_MS = (5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000)
SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500)


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """One metric. `buckets` are a histogram's upper bounds, in its unit.

    `cloudwatch` is its name there, by the value of its first label where it has labels; empty: it is not
    written there.
    """

    name: str
    kind: Kind
    unit: Unit
    help: str
    labels: tuple[str, ...] = ()
    cloudwatch: Mapping[str, str] = field(default_factory=dict)
    buckets: tuple[int, ...] = ()

    @property
    def exposed(self) -> str:
        """Its name for Prometheus, by the conventions there: base units, and `_total` for counters."""
        unit = "_seconds" if self.unit is Unit.MS else ""
        return f"order_engine_{self.name}{unit}{'_total' if self.kind is Kind.COUNTER else ''}"


def _counter(name: str, help: str, *labels: str, **cloudwatch: str) -> Metric:
    return Metric(name, Kind.COUNTER, Unit.COUNT, help, labels, cloudwatch)


def _gauge(name: str, help: str, *labels: str, unit: Unit = Unit.COUNT, cloudwatch: str = "") -> Metric:
    return Metric(name, Kind.GAUGE, unit, help, labels, {"": cloudwatch} if cloudwatch else {})


def _times(name: str, help: str, *labels: str, cloudwatch: str = "") -> Metric:
    names = {"": cloudwatch} if cloudwatch else {}
    return Metric(name, Kind.HISTOGRAM, Unit.MS, help, labels, names, TIMES_MS)


ORDERS = _counter(
    "orders",
    "Orders that came to a status; without a pair where an order expired or was cancelled",
    "status",
    "pair",
    "venue",
    "code",
    confirmed="OrdersConfirmed",
    failed="OrdersFailed",
    expired="OrdersExpired",
    cancelled="OrdersCancelled",
)
FIRED = Metric(
    "orders_fired",
    Kind.COUNTER,
    Unit.COUNT,
    "Resting orders whose price was there",
    cloudwatch={"": "OrdersFired"},
)
TIME_TO_CONFIRM = _times(
    "time_to_confirm", "Submit to confirmed; orders that had rested are not in it", cloudwatch="TimeToConfirm"
)
STEP = _times("step", "Time that orders spent in a worker's status", "step")
QUEUE_AGE = _times("queue_age", "How old messages were when a worker received them")
UNDER_WAY = _gauge("orders_under_way", "Orders that have not ended", "status")
QUEUE = _gauge("queue_messages", "Messages of the queue, about", "state")
BATCH = Metric(
    "batch_size", Kind.HISTOGRAM, Unit.COUNT, "Calls that travelled together", ("call",), buckets=SIZES
)
PUSHES = _counter("pushes", "Messages to clients' connections", "outcome")
DEAD_LETTERS = _gauge("dead_letters", "Messages of the dead-letter queue")
DEAD_LETTERS_AGE = _gauge("dead_letters_age", "Age of the oldest that was sampled", unit=Unit.MS)
WITHOUT_RELAY = _gauge(
    "shards_without_relay",
    "Shards that have connections and no relay, at the last look",
    cloudwatch="ShardsWithoutRelay",
)
REQUESTS = _times("request", "HTTP requests, from a function's start to its answer", "method", "status")

METRICS = (
    ORDERS,
    FIRED,
    TIME_TO_CONFIRM,
    STEP,
    QUEUE_AGE,
    UNDER_WAY,
    QUEUE,
    BATCH,
    PUSHES,
    DEAD_LETTERS,
    DEAD_LETTERS_AGE,
    WITHOUT_RELAY,
    REQUESTS,
)
"""Every metric."""


class Metrics(Protocol):
    """Where metrics are recorded."""

    def record(self, metric: Metric, value: float = 1, *labels: str) -> None:
        """Add to a counter, set a gauge, or observe a value of a histogram. Never blocks, never raises.

        `labels` are the values of the metric's labels, in their order.
        """
