"""An order's life as one table: every move, and the actor who may make it.

`domain/order.py` and `domain/attempt.py` ask the table before each move, and a move that it does not list
raises IllegalTransition. The SQL guards the same edges, so that of two actors at the same time one moves.
"""

from __future__ import annotations

from enum import StrEnum

from .errors import IllegalTransition


class Status(StrEnum):
    """Where an order is in its life."""

    OPEN = "open"
    PENDING = "pending"
    ROUTING = "routing"
    BUILDING = "building"
    SUBMITTED = "submitted"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Actor(StrEnum):
    """Who moves an order."""

    CLIENT = "client"  # submits it, or cancels it
    TRIGGER = "trigger"  # fires a resting order when its price is there; ends an order whose time is over
    CLAIM = "claim"  # a worker that takes the order
    WORKER = "worker"  # the one that holds the claim
    OPERATOR = "operator"  # redrives it


# fmt: off
LIFECYCLE: tuple[tuple[Status | None, Status, Actor], ...] = (
    # from              to                 by
    (None,              Status.PENDING,    Actor.CLIENT),
    (None,              Status.OPEN,       Actor.CLIENT),    # rests until its trigger
    (Status.OPEN,       Status.PENDING,    Actor.TRIGGER),   # fires
    (Status.OPEN,       Status.CANCELLED,  Actor.CLIENT),
    (Status.OPEN,       Status.EXPIRED,    Actor.TRIGGER),
    (Status.PENDING,    Status.CANCELLED,  Actor.CLIENT),    # no worker holds a pending order
    (Status.PENDING,    Status.EXPIRED,    Actor.TRIGGER),
    (Status.PENDING,    Status.ROUTING,    Actor.CLAIM),
    (Status.ROUTING,    Status.BUILDING,   Actor.WORKER),
    (Status.ROUTING,    Status.PENDING,    Actor.WORKER),    # retry: no route, or the worker before was lost
    (Status.ROUTING,    Status.OPEN,       Actor.WORKER),    # rests again: the price is gone
    (Status.ROUTING,    Status.FAILED,     Actor.WORKER),
    (Status.BUILDING,   Status.SUBMITTED,  Actor.WORKER),
    (Status.BUILDING,   Status.PENDING,    Actor.WORKER),    # retry: the transaction never landed
    (Status.BUILDING,   Status.OPEN,       Actor.WORKER),
    (Status.BUILDING,   Status.FAILED,     Actor.WORKER),
    (Status.SUBMITTED,  Status.CONFIRMED,  Actor.WORKER),    # final: what landed can't be taken back
    (Status.SUBMITTED,  Status.PENDING,    Actor.WORKER),    # retry: the transaction failed or never landed
    (Status.SUBMITTED,  Status.OPEN,       Actor.WORKER),
    (Status.SUBMITTED,  Status.FAILED,     Actor.WORKER),
    (Status.FAILED,     Status.PENDING,    Actor.OPERATOR),  # redrive: a new set of attempts
)
# fmt: on

_EDGES = frozenset(LIFECYCLE)

TERMINAL = frozenset(Status) - {source for source, _, actor in LIFECYCLE if actor is not Actor.OPERATOR}
"""Where an order stays, unless an operator redrives it."""

CANCELLABLE = frozenset(source for source, to, _ in LIFECYCLE if source and to is Status.CANCELLED)
"""Where an order may still be cancelled: no worker holds it."""


def sources(target: Status, *actors: Actor) -> tuple[Status, ...]:
    """The statuses from which one of these actors, or any if none is given, may move an order to `target`."""
    return tuple(
        source
        for source, to, actor in LIFECYCLE
        if source is not None and to is target and (not actors or actor in actors)
    )


def check(source: Status, target: Status, actor: Actor) -> None:
    """Raise IllegalTransition unless the table lists this move."""
    if (source, target, actor) not in _EDGES:
        raise IllegalTransition(f"No {actor} may move an order from {source} to {target}.")
