"""Medians, percentiles, and how long ten places need for a number of services."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Spread:
    """The median of some rounds, and how far apart they were."""

    median: float
    least: float
    most: float


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value."""
    return Spread(median(values), min(values), max(values))


def percentile(values: Sequence[float], share: float) -> float:
    """The least value that at least `share` (0–1) of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Round by round, as the rounds of a pair met the same machine; of the medians if they are not pairs."""
    if len(above) != len(below):
        above, below = [median(above)], [median(below)]
    return [_ratio(a, b) for a, b in zip(above, below, strict=True)]


def makespan(services: Sequence[float], places: int) -> float:
    """How long `places` need for `services` in turn, each place taking the next when it is free."""
    free = [0.0] * places
    for service in services:
        heapq.heapreplace(free, free[0] + service)
    return max(free)


def _ratio(above: float, below: float) -> float:
    if below:
        return above / below
    return 1.0 if not above else math.inf
