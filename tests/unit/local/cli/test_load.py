"""What `load` makes of the times that it has taken."""

from __future__ import annotations

from local.cli.load import BARS, Load, Plan, Taken, histogram, page, summary

PLAN = Plan(orders=4, terms=[{}], clients=2, per_s=None, longest_s=1.0)


def load(*taken: Taken) -> Load:
    done = Load(PLAN)
    for one in taken:
        done.add(one)
    return done


def test_a_line_of_the_histogram_has_a_round_limit_and_the_longest_bar_is_full() -> None:
    lines = [line.split() for line in histogram([0.4, 1.2, 9, 9, 10]) if line]
    assert [line[2] for line in lines] == ["1", "1.5", "2", "3", "5", "7", "10"]
    assert [line[-1] for line in lines] == ["1", "1", "0", "0", "0", "0", "3"]
    assert max(line[4].count("█") for line in lines) == BARS


def test_nothing_that_ended_has_no_histogram() -> None:
    assert [*histogram([])] == []
    assert "none has ended" in [*summary(load())]


def test_refused_orders_have_no_times_and_are_counted_by_their_code() -> None:
    done = load(Taken("confirmed", 2, 30), Taken("confirmed", 4, 50, attempts=2), Taken("UNKNOWN_TOKEN"))
    found = done.figures()
    assert found["outcomes"] == {"confirmed": 2, "UNKNOWN_TOKEN": 1}
    assert found["retried"] == 1
    assert found["ms"]["submit → answer"] == {"p50": 2, "p90": 4, "p99": 4, "max": 4}
    assert found["ms"]["submit → last event"]["max"] == 50
    assert "<td>UNKNOWN_TOKEN</td><td>1</td>" in page(done)
