"""An order's life as a table. Everything that moves an order asks it; the database guards the same rule."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """Where an order is in its life."""

    PENDING = "pending"
    ROUTING = "routing"
    BUILDING = "building"
    SUBMITTED = "submitted"
    CONFIRMED = "confirmed"
    FAILED = "failed"


NEXT: dict[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.ROUTING, Status.FAILED}),
    Status.ROUTING: frozenset(
        {Status.BUILDING, Status.PENDING, Status.FAILED}
    ),  # pending: the attempt is retried
    Status.BUILDING: frozenset({Status.SUBMITTED, Status.PENDING, Status.FAILED}),
    Status.SUBMITTED: frozenset({Status.CONFIRMED, Status.PENDING, Status.FAILED}),
    Status.CONFIRMED: frozenset(),  # what has landed on the chain can't be taken back
    Status.FAILED: frozenset(),  # said once, after the last attempt
}

TERMINAL = frozenset(status for status, following in NEXT.items() if not following)


def sources(target: Status) -> tuple[Status, ...]:
    """The statuses from which an order may move to `target`: the guard of every update."""
    return tuple(status for status, following in NEXT.items() if target in following)
