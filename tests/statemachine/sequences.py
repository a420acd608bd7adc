"""Sequences that catch the mutants which random ones catch only after minutes."""

from __future__ import annotations

from functools import partial
from typing import Any

from tests.statemachine import mutants
from tests.statemachine.machine import OrderMachine
from tests.statemachine.mutants import Mutant
from tests.statemachine.processes import Fate
from tests.statemachine.sniping import DEEP, SnipingMachine


class First:
    """Takes the place of hypothesis' data: draws the first of what there is."""

    def draw(self, *arguments: Any, **named: Any) -> int:
        return 0


FIRST: Any = First()
begin, deliver = OrderMachine.begin, partial(OrderMachine.deliver, data=FIRST)
break_a_call = partial(OrderMachine.break_a_call, data=FIRST)

SEQUENCES: dict[Mutant, list[partial[None]]] = {
    mutants.AsksInTheWrongOrder: [
        partial(begin, key=None, fate="hang", times=1, far=1),
        partial(OrderMachine.go_on, data=FIRST, far=5),
        partial(OrderMachine.what_hangs_lands, seconds=13.0),
    ],
    mutants.FailsWithALiveTransaction: [
        partial(begin, key=None, fate="hang", times=0, far=5),
        partial(OrderMachine.time_passes, seconds=8.0),
        partial(break_a_call, fate=Fate.BROKEN),
    ],
    mutants.TakesReleasedForLost: [
        partial(begin, key=None, fate="hang", times=0, far=5),
        partial(OrderMachine.sweep_a_backlog, times=2),
        partial(break_a_call, fate=Fate.BROKEN),
        partial(break_a_call, fate=Fate.REPLY_LOST),
        partial(OrderMachine.sweep_a_backlog, times=2),
    ],
    mutants.HasNoFence: [
        partial(begin, key=None, fate="drop", times=2, far=1),
        partial(OrderMachine.time_passes, seconds=91.0),
        partial(deliver, far=None),
        partial(OrderMachine.time_passes, seconds=91.0),
        partial(OrderMachine.submit_badly, far=1, fate=Fate.DONE),
        partial(deliver, far=None),
        partial(deliver, far=2),
        partial(OrderMachine.time_passes, seconds=91.0),
        partial(deliver, far=None),
        partial(OrderMachine.time_passes, seconds=8.0),
        partial(deliver, far=1),
    ],
}

SNIPING_SEQUENCES: dict[Mutant, list[partial[None]]] = {
    mutants.TakesALaunchBeforeItIsStored: [
        partial(SnipingMachine.begin, expires=False, fate="drop", times=0, far=None),
        partial(SnipingMachine.a_token_is_awaited, asks_for_depth=False, opens_in_s=0, liquidity=DEEP, far=3),
    ],
}


def run(machine: type[OrderMachine], sequence: list[partial[None]]) -> None:
    """Take the steps, then end all faults; every invariant is checked after each."""
    running = machine()
    try:
        for step in sequence:
            step(running)
            running.invariants_hold()
        running.drain()
    finally:
        running.world.close()
