"""What is measured, by name, in the order in which it is run."""

from __future__ import annotations

from . import backlog, burst, ceiling, latency, neighbour, own_socket, sockets, table, triggers
from .scenario import Measured, Options, Scenario, Turn

__all__ = ["SCENARIOS", "Measured", "Options", "Scenario", "Turn"]

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        burst.SCENARIO,
        latency.SCENARIO,
        own_socket.SCENARIO,
        ceiling.SCENARIO,
        sockets.SCENARIO,
        backlog.SCENARIO,
        table.SCENARIO,
        triggers.SCENARIO,
        neighbour.SCENARIO,
    )
}
