"""Metrics in CloudWatch's embedded metric format: a line of JSON on stdout, of which CloudWatch makes points.

So a metric costs no call and no waiting, and needs no permission. The line must be all of its log entry, so
it is written as it is, and not logged. There are no dimensions: each stage has a namespace of its own, and
labels are fields of the line.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from ...ports.metrics import Metric


class NoMetrics:
    """`ports.metrics.Metrics` where no metrics are collected."""

    def record(self, metric: Metric, value: float = 1, *labels: str) -> None:
        return


class CloudWatchMetrics:
    """`ports.metrics.Metrics`, on the stdout of a Lambda function; `clock` tells seconds since 1970."""

    def __init__(self, namespace: str, *, clock: Callable[[], float] = time.time) -> None:
        self._namespace = namespace
        self._clock = clock

    def record(self, metric: Metric, value: float = 1, *labels: str) -> None:
        name = metric.cloudwatch.get(labels[0] if labels else "")
        if name is None:
            return
        directive = {
            "Namespace": self._namespace,
            "Dimensions": [[]],  # one set, of none
            "Metrics": [{"Name": name, "Unit": metric.unit}],
        }
        line = {
            "_aws": {"Timestamp": int(self._clock() * 1000), "CloudWatchMetrics": [directive]},
            name: round(value),
            **{label: text for label, text in zip(metric.labels, labels, strict=True) if text},
        }
        try:
            print(json.dumps(line), flush=True)  # noqa: T201
        except (OSError, ValueError):  # stdout is closed: no reason to fail an order
            return
