"""Halting a world, and one that has no switch."""

from __future__ import annotations

from typing import cast

import pytest
from chalicelib.domain.errors import InvalidRequest
from chalicelib.ports.trading import World
from chalicelib.services.halting import Halting


class SwitchedWorld:
    """As much of a world as can be halted."""

    def __init__(self, stays: str | None = None) -> None:
        self.reason: str | None = None
        self._stays = stays

    async def set_halt(self, reason: str | None) -> str | None:
        self.reason = reason
        return self._stays or reason


def halting(world: object) -> Halting:
    return Halting(cast(World, world))


async def test_a_world_is_halted_for_a_reason_and_resumed() -> None:
    world = SwitchedWorld()
    assert await halting(world).halt("a drill") == world.reason == "a drill"
    assert await halting(world).resume() is world.reason is None


async def test_a_world_that_a_setting_halts_says_so_when_it_is_resumed() -> None:
    assert await halting(SwitchedWorld(stays="a setting")).resume() == "a setting"


@pytest.mark.parametrize("reason", ["", "two\nlines", "r" * 201])
async def test_a_reason_is_one_short_line(reason: str) -> None:
    world = SwitchedWorld()
    with pytest.raises(InvalidRequest) as refused:
        await halting(world).halt(reason)
    assert (refused.value.code, world.reason) == ("INVALID_REASON", None)


async def test_a_world_without_a_switch_is_not_halted() -> None:
    for act in (halting(object()).halt("a drill"), halting(object()).resume()):
        with pytest.raises(InvalidRequest) as refused:
            await act
        assert refused.value.code == "NOT_HALTABLE"
