"""Three rounds of the suite that `python -m tests.faults` runs at length."""

from __future__ import annotations

import pytest

from tests.faults.plan import draw
from tests.faults.round import Round
from tests.faults.world import World


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_nothing_is_lost_doubled_or_stuck_when_everything_is_killed_at_random_moments(
    world_of_two: World, seed: int
) -> None:
    outcome = await Round(world_of_two, draw(seed, orders=200)).run()
    assert outcome.verdict.is_good, outcome.verdict
    assert outcome.verdict.confirmed > 100
