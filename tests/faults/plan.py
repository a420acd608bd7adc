"""What happens in a round, drawn from its seed: which orders come when, and what is killed when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from tests.faults.resting import Rest, draw_rest
from tests.faults.world import SERVERS, TARGETS

SUBMITTING_S = 4.0  # orders come all through this
KILLING_S = (0.3, 5.0)  # the last ones are killed when no more orders come
AWAY_S = (0.2, 2.0)
MORE_FAULTS = 3
TOKENS = ("SOL", "SOL", "USDT", "BONK", "JUP", "JTO", "RAY", "SOL")
OWN_SOCKET = 0.9  # of the orders; the others are subscribed to on a few shared ones
SHARED_SOCKETS = 4
RESTING = 0.3  # of the orders
CANCELLED = 0.2  # of the orders, wherever they are then
CANCELLED_AFTER_S = (0.0, 0.5)


@dataclass(frozen=True)
class Fault:
    """`target` is killed `at_s`; a server is back `away_s` later, a process when its supervisor starts it."""

    at_s: float
    target: str
    away_s: float


@dataclass(frozen=True)
class Submit:
    """A client submits an order `at_s`, under `key`; it subscribes on the socket `shared`, or on its own.

    `cancel_after_s`: it wants to cancel the order so long after it was accepted.
    """

    at_s: float
    key: str
    token: str
    amount: str
    shared: int | None
    rest: Rest | None = None
    cancel_after_s: float | None = None


@dataclass(frozen=True)
class Plan:
    """A round."""

    seed: int
    faults: tuple[Fault, ...]
    submits: tuple[Submit, ...]


def draw(seed: int, orders: int, targets: Sequence[str] = TARGETS) -> Plan:
    """The plan of a seed. Each target is killed at least once."""
    random = Random(seed)
    targets = [*targets, *random.choices(targets, k=random.randint(0, MORE_FAULTS))]
    faults = sorted((_fault(random, target) for target in targets), key=lambda fault: fault.at_s)
    submits = _submits(random, seed, orders, SUBMITTING_S)
    return Plan(seed, tuple(faults), tuple(_varied(random, submit, RESTING) for submit in submits))


def with_faults(seed: int, orders: int, *faults: Fault, within_s: float = 1.0) -> Plan:
    """The plan of a seed in which the orders come `within_s`, and just these faults."""
    return Plan(seed, faults, _submits(Random(seed), seed, orders, within_s))


def with_resting(seed: int, orders: int, *faults: Fault, within_s: float = 2.0) -> Plan:
    """The same with orders that rest only, some of which are cancelled."""
    plan, random = with_faults(seed, orders, *faults, within_s=within_s), Random(seed)
    return replace(plan, submits=tuple(_varied(random, submit, 1.0) for submit in plan.submits))


def _fault(random: Random, target: str) -> Fault:
    away_s = random.uniform(*AWAY_S) if target in SERVERS else 0.0
    return Fault(random.uniform(*KILLING_S), target, away_s)


def _submits(random: Random, seed: int, orders: int, within_s: float) -> tuple[Submit, ...]:
    return tuple(_submit(random, f"{seed}-{number}", within_s) for number in range(orders))


def _submit(random: Random, key: str, within_s: float) -> Submit:
    shared = None if random.random() < OWN_SOCKET else random.randrange(SHARED_SOCKETS)
    amount = f"{1 + random.randrange(10**5) / 10**5:.5f}"
    return Submit(random.uniform(0, within_s), key, random.choice(TOKENS), amount, shared)


def _varied(random: Random, submit: Submit, resting: float) -> Submit:
    """The submit, as that of an order that rests, or that is cancelled, or both; or as it is."""
    rest = draw_rest(random) if random.random() < resting else None
    cancel_after_s = random.uniform(*CANCELLED_AFTER_S) if random.random() < CANCELLED else None
    token = rest.token if rest else submit.token
    return replace(submit, token=token, rest=rest, cancel_after_s=cancel_after_s)
