"""`/metrics`: what processes have recorded, summed, and who may read it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from chalicelib import runtime
from chalicelib.ports.metrics import (
    DEAD_LETTERS_AGE,
    METRICS,
    ORDERS,
    QUEUE,
    STEP,
    WITHOUT_RELAY,
    Kind,
)

import local.gateway.rest
from local.gateway import Gateway, GatewaySettings
from local.metrics import MetricsRoute, Registry, shared_by_processes
from local.metrics.exposition import exposition
from local.metrics.shared import begin, of_others
from tests.fakes import MemoryEngine
from tests.integration.gateway_app import App

GRAFANA = Path(__file__).parents[3] / "infra" / "grafana"
CONFIRMED = ("confirmed", "SOL/USDC", "orca", "")


def test_metrics_are_exposed_with_their_labels_in_base_units() -> None:
    registry = Registry()
    for ms in (1, 40, 40_000_000):
        registry.record(STEP, ms, "routing")
    for _ in range(2):
        registry.record(ORDERS, 1, "failed", "SOL/USDC", "", 'a "code" \\ \n')
    registry.record(DEAD_LETTERS_AGE, 1500)
    lines = exposition(registry.rows).splitlines()
    assert (
        r'order_engine_orders_total{status="failed",pair="SOL/USDC",venue="",code="a \"code\" \\ \n"} 2'
        in lines
    )
    assert "order_engine_dead_letters_age_seconds 1.5" in lines
    assert [
        line.partition(" ")[2] for line in lines if line.startswith("order_engine_step_seconds_bucket")
    ] == [
        "1",
        "1",
        "1",
        *["2"] * 11,
        "3",
    ]
    assert 'order_engine_step_seconds_bucket{step="routing",le="0.05"} 2' in lines
    assert 'order_engine_step_seconds_sum{step="routing"} 40000.041' in lines
    assert 'order_engine_step_seconds_count{step="routing"} 3' in lines


def test_names_are_unique_and_follow_the_conventions() -> None:
    names = [metric.exposed for metric in METRICS]
    assert len({*names}) == len(names)
    assert all(re.fullmatch(r"[a-z_]+", name) for name in names)
    for metric in METRICS:
        assert metric.exposed.endswith("_total") == (metric.kind is Kind.COUNTER)
    assert all(bool(metric.buckets) == (metric.kind is Kind.HISTOGRAM) for metric in METRICS)


def test_every_metric_of_the_dashboard_is_defined_and_every_one_is_drawn() -> None:
    panels = json.loads((GRAFANA / "dashboard.json").read_text())["panels"]
    queries = " ".join(target["expr"] for panel in panels for target in panel["targets"])
    exposed = {
        f"{metric.exposed}{suffix}": metric
        for metric in METRICS
        for suffix in (("_bucket", "_sum", "_count") if metric.kind is Kind.HISTOGRAM else ("",))
    }
    used = {*re.findall(r"order_engine_\w+", queries)}
    assert used <= exposed.keys()
    assert {exposed[name] for name in used} == {*METRICS}
    labels = {label for metric in METRICS for label in metric.labels} | {"le"}
    grouped = {each.strip() for found in re.findall(r"by \(([^)]*)\)", queries) for each in found.split(",")}
    assert grouped <= labels


async def test_a_process_that_is_started_again_goes_on_from_what_it_had(tmp_path: Path) -> None:
    begin(tmp_path)
    for expected in (1, 2):
        async with shared_by_processes(tmp_path, "worker") as worker:
            worker.record(ORDERS, 1, *CONFIRMED)
            assert worker.rows[ORDERS, CONFIRMED] == [expected]
    async with shared_by_processes(tmp_path, "gateway") as gateway:
        gateway.record(ORDERS, 1, *CONFIRMED)
        gateway.record(STEP, 7, "routing")
        for rows in of_others(tmp_path, "gateway"):
            gateway.add(rows)
        assert gateway.rows[ORDERS, CONFIRMED] == [3]
    begin(tmp_path)
    assert of_others(tmp_path, "gateway") == []


@pytest.mark.parametrize("text", ["", "[", '[["of_another_version", [], [1]]]', '[["orders", ["one"], [1]]]'])
def test_a_file_that_cannot_be_read_counts_as_none(tmp_path: Path, text: str) -> None:
    begin(tmp_path)
    (tmp_path / "metrics" / "worker.json").write_text(text)
    assert of_others(tmp_path, "gateway") == [{}]


def scrape(headers: dict[str, str] | None = None) -> httpx.Response:
    """The gateway's answer, before the engine in memory that is current."""

    async def get() -> httpx.Response:
        registry = Registry()
        registry.record(WITHOUT_RELAY, 0)
        gateway = Gateway(App(), settings=GatewaySettings(), metrics=MetricsRoute(registry))
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(gateway), base_url="http://localhost"
        ) as client:
            return await client.get("/metrics", headers=headers)

    return asyncio.run(get())


@pytest.fixture
def in_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Handlers run in threads, as the engine in memory has a loop of its own."""

    async def call(handler: Any, *arguments: Any) -> Any:
        return await asyncio.to_thread(handler, *arguments)

    monkeypatch.setattr(local.gateway.invoker, "call", call)


@pytest.fixture
def keyed(in_threads: None) -> Iterator[MemoryEngine]:
    pepper = "a pepper of some thirty-two characters"
    with MemoryEngine(engine_auth="keys", key_pepper=pepper, rate_limit_per_s=0) as engine:
        yield engine


def test_a_scrape_has_what_was_recorded_and_what_the_servers_say(in_threads: None) -> None:
    with MemoryEngine():
        answer = scrape()
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "\norder_engine_shards_without_relay 0\n" in answer.text
    assert f'\n{QUEUE.exposed}{{state="waiting"}} ' in answer.text


def test_where_keys_are_needed_it_takes_an_administrators(keyed: MemoryEngine) -> None:
    def status(*scopes: str) -> int:
        made = runtime.run(runtime.current().key_management.create("alice", "test", scopes))
        return scrape({"Authorization": f"Bearer {made.text}"}).status_code

    assert scrape().status_code == 401
    assert (status("orders:read"), status("admin")) == (403, 200)
