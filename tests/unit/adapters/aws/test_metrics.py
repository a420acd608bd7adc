"""Metrics that the functions write to stdout for CloudWatch."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import app as functions
import pytest
from chalicelib import runtime
from chalicelib.adapters.aws.metrics import CloudWatchMetrics
from chalicelib.domain.account import LOCAL
from chalicelib.domain.errors import InsufficientLiquidity, VenueUnavailable
from chalicelib.domain.terms import OrderType, Terms
from chalicelib.ports.metrics import ORDERS, Metrics
from chalicelib.ports.store import NewOrder

from local.calls import LambdaContext
from local.triggers.schedule import schedule_event
from tests.fakes import MemoryEngine
from tests.samples import TERMS

ORDER = "11111111-1111-4111-8111-111111111111"
RESTING = "22222222-2222-4222-8222-222222222222"
NAMESPACE = "order-engine-test"


@pytest.fixture
def engine() -> Iterator[MemoryEngine]:
    with MemoryEngine(metrics_namespace=NAMESPACE, trigger_seconds=0.0) as engine:
        submit(engine)
        yield engine


def submit(engine: MemoryEngine, order_id: str = ORDER, terms: Terms = TERMS) -> None:
    asyncio.run(engine.store.create(NewOrder(order_id, terms)))


def deliver(order_id: str = ORDER) -> None:
    body = json.dumps({"orderId": order_id})
    record = {"messageId": "message", "receiptHandle": "receipt", "body": body}
    functions.process_order({"Records": [record]}, None)


def keep_relays() -> None:
    functions.keep_relays(schedule_event("keep_relays"), None)


def written(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The lines of stdout; each is one JSON object and nothing else."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def values(capsys: pytest.CaptureFixture[str]) -> list[dict[str, int]]:
    """What each line counts, as its directive names it."""
    return [
        {metric["Name"]: line[metric["Name"]] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
        for line in written(capsys)
    ]


def test_a_line_has_the_embedded_metric_format(capsys: pytest.CaptureFixture[str]) -> None:
    metrics: Metrics = CloudWatchMetrics(NAMESPACE, clock=lambda: 1_785_000_000.1234)
    metrics.record(ORDERS, 1, "failed", "SOL/USDC", "", "VENUE_UNAVAILABLE")
    assert written(capsys) == [
        {
            "_aws": {
                "Timestamp": 1_785_000_000_123,
                "CloudWatchMetrics": [
                    {
                        "Namespace": NAMESPACE,
                        "Dimensions": [[]],
                        "Metrics": [{"Name": "OrdersFailed", "Unit": "Count"}],
                    }
                ],
            },
            "OrdersFailed": 1,
            "status": "failed",
            "pair": "SOL/USDC",
            "code": "VENUE_UNAVAILABLE",
        }
    ]


def test_the_time_to_confirm_counts_from_the_submit_over_all_attempts(
    engine: MemoryEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.raydium.always = engine.meteora.always = VenueUnavailable()
    deliver()
    assert values(capsys) == []  # an attempt that is made again is neither
    engine.raydium.always = engine.meteora.always = None
    asyncio.run(engine.store.pass_time(2.5))
    deliver()
    assert values(capsys) == [{"OrdersConfirmed": 1}, {"TimeToConfirm": 2500}]


def test_an_order_that_failed_is_counted_once_however_often_its_message_comes(
    engine: MemoryEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.raydium.always = engine.meteora.always = InsufficientLiquidity()
    deliver()
    deliver()
    assert values(capsys) == [{"OrdersFailed": 1}]


def test_a_resting_order_is_counted_when_it_fires_and_its_rest_is_no_time_to_confirm(
    engine: MemoryEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    resting = replace(TERMS, type=OrderType.LIMIT, price=Decimal(150), floor_out=150_000_000)
    submit(engine, RESTING, resting)
    asyncio.run(engine.store.pass_time(3600))
    functions.fire_orders(schedule_event("fire_orders"), LambdaContext("fire_orders", 60))
    deliver(RESTING)
    assert values(capsys) == [{"OrdersFired": 1}, {"OrdersConfirmed": 1}]


def test_a_cancelled_order_is_counted_once_however_often_it_is_cancelled(
    engine: MemoryEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        runtime.run(runtime.current().cancellation.cancel(LOCAL, ORDER))
    assert values(capsys) == [{"OrdersCancelled": 1}]


def test_shards_without_a_relay_are_counted_each_time_even_when_there_are_none(
    engine: MemoryEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_relays()
    engine.redis.connections[0].add("client")
    keep_relays()
    assert engine.launcher.launched == [0]
    assert values(capsys) == [{"ShardsWithoutRelay": 0}, {"ShardsWithoutRelay": 1}]


def test_without_a_namespace_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    with MemoryEngine() as engine:
        submit(engine)
        deliver()
        keep_relays()
    assert capsys.readouterr().out == ""


def test_a_closed_stdout_fails_no_order(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)
    deliver()
    assert engine.store.log[ORDER][-1].status == "confirmed"
