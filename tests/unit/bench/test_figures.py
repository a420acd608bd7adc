"""From single values to the table: statistics, ratios, bars, plots."""

from __future__ import annotations

import math

import pytest

from local.report.statistics import Spread, makespan, percentile, ratios, spread
from local.report.svg import dots, lines, shares, stacks
from tests.bench.processes import group_of
from tests.bench.report import cells, style
from tests.bench.rows import Bar, guard_rows, number, rows
from tests.bench.run import Sample
from tests.bench.scenarios import Options


def sample(side: str, round_: int, scenario: str = "burst", **figures: float) -> Sample:
    return Sample(scenario, side, round_, figures, {})


def test_a_spread_is_the_median_between_its_ends() -> None:
    assert spread([3, 1, 2]) == Spread(2, 1, 3)


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (1, 100), (0.001, 1)])
def test_a_percentile_is_a_value_that_was_measured(share: float, value: float) -> None:
    assert percentile(range(1, 101), share) == value


def test_ratios_are_taken_within_a_round() -> None:
    assert ratios([10, 40], [5, 10]) == [2, 4]
    assert ratios([10, 40, 20], [5]) == [4]
    assert ratios([0], [0]) == [1]
    assert ratios([1], [0]) == [math.inf]


@pytest.mark.parametrize(
    ("services", "places", "takes"),
    [([1, 1, 1, 1], 2, 2), ([3, 1, 1, 1], 2, 3), ([1, 1, 3], 2, 4), ([], 2, 0)],
)
def test_places_take_the_next_service_when_they_are_free(
    services: list[float], places: int, takes: float
) -> None:
    assert makespan(services, places) == takes


def test_a_row_is_judged_by_the_median_of_its_ratios() -> None:
    samples = [
        sample("baseline", 1, orders_per_s=100),
        sample("ours", 1, orders_per_s=250),
        sample("baseline", 2, orders_per_s=100),
        sample("ours", 2, orders_per_s=50),
    ]
    (row,) = rows(samples, Options(), ["ours"])
    assert row.ratio == Spread(1.5, 0.5, 2.5)
    assert not row.misses_must
    assert not row.reaches_aim
    assert cells(row)[1:] == ("100", "150 (50–250)", "1.50 (0.50–2.50)×", "≥ 1.00×", "≥ 2.00×")


def test_a_figure_that_must_be_nought_is_judged_as_it_is() -> None:
    (row,) = rows([sample("ours", 1, "own-socket", missing=2)], Options(), ["ours"])
    assert row.misses_must
    assert style(row) == "red"


def test_growth_is_ours_against_ours() -> None:
    figures = {"orders_per_s@2000": 200.0, "orders_per_s@50000": 100.0}
    found = rows([Sample("backlog", "ours", 1, figures, {})], Options(), ["ours"])
    (row,) = [row for row in found if row.ratio]
    assert (row.ratio, row.misses_must) == (Spread(0.5, 0.5, 0.5), True)


def test_a_change_may_cost_no_more_than_the_guard_allows() -> None:
    samples = [
        sample("ours-other", 1, orders_per_s=100, cpu_s_per_1000=10),
        sample("ours", 1, orders_per_s=96, cpu_s_per_1000=11),
    ]
    assert [row.misses_must for row in guard_rows(samples, ["ours"], 0.05)] == [False, True]


def test_a_bar_is_a_least_or_a_most() -> None:
    assert Bar("≥", 1).holds(1)
    assert not Bar("≤", 1).holds(1.1)


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.976, "0.98"), (12.34, "12.3"), (1234.5, "1,234"), (math.inf, "∞")]
)
def test_a_number_has_a_readable_number_of_digits(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("command", "group"),
    [
        (["/x/bin/postgres", "-D", "data"], "postgres"),
        (["postgres: checkpointer "], "postgres"),
        (["/x/valkey-server", "--port"], "redis"),
        (["python", "-P", "-m", "ministack"], "sqs"),
        (["python", "-P", "-m", "local", "up"], "engine"),
        ([], "engine"),  # it has just ended
    ],
)
def test_a_program_belongs_to_a_group(command: list[str], group: str) -> None:
    assert group_of(command) == group


def test_plots_are_drawn_of_any_rows() -> None:
    assert dots({"a <b>": [1, 2, 3], "c": [0]}, "s").count("<circle") == 4
    assert "a &lt;b&gt;" in dots({"a <b>": [1]}, "s")
    assert stacks({"a": {"x": 1, "y": 2}, "b": {"x": 0}}, "s").count("<rect") == 4
    assert lines({"a": [(2_000, 5), (50_000, 4)]}, "n", "/s", log_x=True, marks=True).count("<circle") == 2
    assert lines({"a": shares([7.0])}, "ms", "%").count("<polyline") == 1
    assert shares([]) == []
