"""Rounds of turns: every side has its go at a scenario, then all of them again the other way round."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from .scenarios import Measured, Options, Scenario, Turn
from .scenarios.scenario import Side


@dataclass(frozen=True)
class Sample:
    """What one turn gave."""

    scenario: str
    side: str  # its key
    round: int
    figures: dict[str, float]
    series: dict[str, list[float]]


@dataclass(frozen=True)
class Step:
    """A turn to come, for the bar."""

    number: int
    of: int
    scenario: Scenario
    side: Side
    round: int


def run(
    scenarios: Sequence[Scenario],
    sides: Sequence[Side],
    options: Options,
    on_step: Callable[[Step], Callable[[int, int, str], None]],
) -> Iterator[Sample]:
    """A sample for each turn, when it is over. Raises LoadError, EngineError, ServiceError."""
    turns = [
        (scenario, number, side)
        for scenario in scenarios
        for number in range(scenario.rounds(options))
        for side in order(sides, number)
    ]
    for index, (scenario, number, side) in enumerate(turns):
        show = on_step(Step(index + 1, len(turns), scenario, side, number + 1))
        measured = scenario.measure(Turn(side, options, show))
        yield _sample(scenario, side, number + 1, measured)


def order(sides: Sequence[Side], number: int) -> Sequence[Side]:
    """The sides in their order in a round, reversed in every other one: the second meets a busier machine."""
    return sides if number % 2 == 0 else sides[::-1]


def save(path: Path, samples: Sequence[Sample], options: Options) -> None:
    """All of it, for another program."""
    found = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "options": asdict(options),
        "samples": [asdict(sample) for sample in samples],
    }
    path.write_text(json.dumps(found, indent=1))


def _sample(scenario: Scenario, side: Side, number: int, measured: Measured) -> Sample:
    return Sample(scenario.name, side.key, number, measured.figures, measured.series)
