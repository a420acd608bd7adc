"""What the engine is doing, for an operator to look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ..domain.lifecycle import Status


@dataclass(frozen=True, slots=True)
class Recent:
    """Orders of the last `seconds`: how many by their status now; times in ms, None where there are none.

    `confirm_ms` is from submit to the end of market orders, at the percentiles 50, 90 and 99; `step_ms` the
    median that they spent in each status.
    """

    seconds: int
    orders: Mapping[Status, int]
    confirm_ms: tuple[float, float, float] | None
    step_ms: Mapping[Status, float]


class Activity(Protocol):
    """Reads it from where orders are. Every method may raise TemporarilyUnavailable."""

    async def under_way(self) -> Mapping[Status, int]:
        """How many orders have not ended, by status; no more of each than `MOST_COUNTED`."""

    async def recent(self, seconds: int) -> Recent:
        """What has become of the orders of the last `seconds`, or of the newest of them."""
