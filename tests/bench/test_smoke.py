"""The bench at twenty orders: that figures come out, and of what kind they are. Never how good they are."""

from __future__ import annotations

import math

import pytest

from tests.bench import node
from tests.bench.engines import Baseline, Ours
from tests.bench.html import page
from tests.bench.rows import rows
from tests.bench.run import run
from tests.bench.scenarios import SCENARIOS, Measured, Options, Turn

OPTIONS = Options(orders=20, clients=5, rounds=1, resting=200, watching_s=1.0, firing=5, steady_s=2.0)

COST = {"orders_per_s", "submits_per_s", "cpu_s_per_1000", "cpu_engine", "cpu_postgres", "peak_mb"}


def is_a_measure(measured: Measured) -> bool:
    return all(math.isfinite(value) and value >= 0 for value in measured.figures.values())


def test_a_burst_at_ours_gives_every_figure_and_a_report() -> None:
    (sample,) = run([SCENARIOS["burst"]], [Ours()], OPTIONS, lambda step: lambda *shown: None)
    assert sample.figures.keys() >= COST
    assert is_a_measure(Measured(sample.figures))
    assert sample.figures["not_confirmed"] == sample.figures["wrong_swaps"] == 0
    assert "orders/s, N=20" in page(rows([sample], OPTIONS, ["ours"]), [sample], other="baseline")


def test_each_order_on_its_own_socket_at_ours() -> None:
    measured = SCENARIOS["own-socket"].measure(Turn(Ours(), OPTIONS))
    assert measured.figures["orders_per_s"] > 0
    assert measured.figures["missing"] == measured.figures["unended"] == 0


def test_orders_at_rest_at_ours_are_watched_and_fire() -> None:
    measured = SCENARIOS["triggers"].measure(Turn(Ours(), OPTIONS))
    assert measured.figures.keys() >= {
        "share",
        "share_engine",
        "share_postgres",
    }  # less than 0 on a busy machine
    assert measured.figures["unfired"] == 0
    assert 0 < len(measured.series["fired_ms"]) <= OPTIONS.firing


def test_an_account_at_ours_is_measured_alone_and_beside_a_flood() -> None:
    measured = SCENARIOS["neighbour"].measure(Turn(Ours(), OPTIONS))
    assert is_a_measure(measured)
    assert len(measured.series["alone_ms"]) == len(measured.series["flooded_ms"]) == 2
    assert measured.figures["flood_refused_per_s"] > 0


@pytest.mark.parametrize("scenario", ["triggers", "neighbour"])
def test_the_baseline_has_no_orders_at_rest_and_no_accounts(scenario: str) -> None:
    assert SCENARIOS[scenario].measure(Turn(Baseline(), OPTIONS)) == Measured({})


@pytest.mark.skipif(not node.is_installed(), reason="node or the baseline's npm modules are not here")
def test_a_burst_at_the_baseline_gives_every_figure() -> None:
    node.install(print)
    measured = SCENARIOS["burst"].measure(Turn(Baseline(), OPTIONS))
    assert measured.figures.keys() >= COST
    assert is_a_measure(measured)
    assert measured.figures["not_confirmed"] == 0
