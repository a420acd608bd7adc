"""Metrics in CloudWatch's embedded metric format: a line of JSON on stdout, of which CloudWatch makes points.

So a metric costs no call and no waiting, and needs no permission. The line must be all of its log entry, so
it is written as it is, and not logged. There are no dimensions: each stage has a namespace of its own.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable


class NoMetrics:
    """`ports.metrics.Metrics` where no metrics are collected."""

    def confirmed(self, after_ms: float | None) -> None:
        return

    def failed(self) -> None:
        return

    def fired(self, count: int) -> None:
        return

    def expired(self, count: int) -> None:
        return

    def cancelled(self, count: int) -> None:
        return

    def shards_without_relay(self, count: int) -> None:
        return


class CloudWatchMetrics:
    """`ports.metrics.Metrics`, on the stdout of a Lambda function; `clock` tells seconds since 1970."""

    def __init__(self, namespace: str, *, clock: Callable[[], float] = time.time) -> None:
        self._namespace = namespace
        self._clock = clock

    def confirmed(self, after_ms: float | None) -> None:
        took = {} if after_ms is None else {"TimeToConfirm": (round(after_ms), "Milliseconds")}
        self._write(**took, OrdersConfirmed=(1, "Count"))

    def failed(self) -> None:
        self._write(OrdersFailed=(1, "Count"))

    def fired(self, count: int) -> None:
        self._write(OrdersFired=(count, "Count"))

    def expired(self, count: int) -> None:
        self._write(OrdersExpired=(count, "Count"))

    def cancelled(self, count: int) -> None:
        self._write(OrdersCancelled=(count, "Count"))

    def shards_without_relay(self, count: int) -> None:
        self._write(ShardsWithoutRelay=(count, "Count"))

    def _write(self, **metrics: tuple[int, str]) -> None:
        directive = {
            "Namespace": self._namespace,
            "Dimensions": [[]],  # one set, of none
            "Metrics": [{"Name": name, "Unit": unit} for name, (_, unit) in metrics.items()],
        }
        line = {
            "_aws": {"Timestamp": int(self._clock() * 1000), "CloudWatchMetrics": [directive]},
            **{name: value for name, (value, _) in metrics.items()},
        }
        try:
            print(json.dumps(line), flush=True)  # noqa: T201
        except (OSError, ValueError):  # stdout is closed: no reason to fail an order
            return
