"""The order in which the sides of a benchmark have their turns."""

from __future__ import annotations

from typing import Any

from tests.bench.run import Step, run
from tests.bench.scenarios import Measured, Options, Turn


class Side:
    def __init__(self, key: str) -> None:
        self.key = self.label = key


class Scenario:
    name = title = "a scenario"

    def rounds(self, options: Options) -> int:
        return 3

    def measure(self, turn: Turn) -> Measured:
        return Measured({}, {})


def test_the_side_that_comes_first_alternates() -> None:
    def quiet(step: Step) -> Any:
        return lambda done, total, what: None

    sides: Any = [Side("baseline"), Side("ours")]
    scenarios: Any = [Scenario()]
    samples = [*run(scenarios, sides, Options(), quiet)]
    assert [(sample.round, sample.side) for sample in samples] == [
        (1, "baseline"),
        (1, "ours"),
        (2, "ours"),
        (2, "baseline"),
        (3, "baseline"),
        (3, "ours"),
    ]
