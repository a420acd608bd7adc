"""`/metrics` as Prometheus' own parser reads it."""

from __future__ import annotations

import sys

import pytest
from chalicelib.ports.metrics import METRICS, Kind

from local.environments import packages
from local.metrics import Registry
from local.metrics.exposition import exposition


def test_prometheus_reads_every_metric_with_its_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(packages("observe"))])
    from prometheus_client.parser import text_string_to_metric_families

    registry = Registry()
    for metric in METRICS:
        registry.record(metric, 2000, *(f'{label} "\\\n' for label in metric.labels))
    families = {family.name: family for family in text_string_to_metric_families(exposition(registry.rows))}
    assert families.keys() == {metric.exposed.removesuffix("_total") for metric in METRICS}
    for metric in METRICS:
        family = families[metric.exposed.removesuffix("_total")]
        assert family.type == metric.kind
        labels = {label: f'{label} "\\\n' for label in metric.labels}
        shown = {sample.name: sample for sample in family.samples if "le" not in sample.labels}
        assert all(sample.labels == labels for sample in shown.values())
        if metric.kind is Kind.HISTOGRAM:
            assert shown[f"{metric.exposed}_count"].value == 1
