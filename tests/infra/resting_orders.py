"""Limit orders at an engine that is deployed into the emulator, and a market that brings their price."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from itertools import permutations
from typing import Any, NamedTuple, TypeVar

import httpx
from chalicelib.domain.tokens import TOKENS, Token
from chalicelib.simulation.market import NOISE, Market

from infra.aws import Aws
from infra.first_key import read_first_key
from local.triggers.schedule import schedule_event

LASTS_S = 600  # the market of a test
WITHIN_S = 60.0

Found = TypeVar("Found")


class Better(NamedTuple):
    """The seed of a market where `sold` is mostly dearer than it ever is in another, and a price between."""

    seed: str
    sold: Token
    bought: Token
    price: Decimal


def better_market(seed: str) -> Better:
    """A better one than that of `seed`; what can be dearer elsewhere than it is there depends on the time."""
    now = int(time.time() * 1000)
    instants = range(now, now + 1000 * LASTS_S, 15_000)

    def best_prices(seed: str, sold: Token, bought: Token) -> list[Fraction]:
        market = Market(seed)
        return sorted(max(market.venue_price(venue, sold, bought, at) for venue in NOISE) for at in instants)

    for sold, bought in permutations(TOKENS[:4], 2):
        most = best_prices(seed, sold, bought)[-1]
        price = most * 10**sold.decimals / 10**bought.decimals
        for other in map(str, range(100)):
            # fees and the order's own size take less than a hundredth
            if best_prices(other, sold, bought)[len(instants) // 4] > most * Fraction(101, 100):
                exact = Decimal(price.numerator) / price.denominator
                return Better(other, sold, bought, exact.quantize(Decimal(10) ** -9))
    raise LookupError("no market is better than this one")


def eventually(look: Callable[[], Found | None]) -> Found:
    """What `look` gives, once it gives something."""
    deadline = time.monotonic() + WITHIN_S
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found


class Orders:
    """Orders of a client of the engine's stack."""

    def __init__(self, aws: Aws, stack: str) -> None:
        self._aws = aws
        self._stack = stack

    def rest(self, better: Better, price: Decimal) -> str:
        """The id of an order that waits for this price of what is sold."""
        terms = {
            "tokenIn": better.sold.symbol,
            "tokenOut": better.bought.symbol,
            "amount": "1",
            "type": "limit",
        }
        answer = self.request("POST", "/api/orders/execute", terms | {"limitPrice": str(price)})
        assert answer["status"] == "open"
        return str(answer["orderId"])

    def status(self, order_id: str) -> str:
        """Where it is."""
        return str(self.request("GET", f"/api/orders/{order_id}")["status"])

    def request(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """What the engine answers, as soon as it does: its functions are replaced now and then."""
        [stack] = self._aws.cloudformation.describe_stacks(StackName=self._stack)["Stacks"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        key = {"x-api-key": read_first_key(self._aws, outputs["AdminKeySecretArn"])}

        def answer() -> dict[str, Any] | None:
            response = httpx.request(
                method, f"{outputs['HttpUrl']}{path}", json=body, headers=key, timeout=30, trust_env=False
            )
            return response.json() if response.is_success else None

        return eventually(answer)

    def fire(self) -> None:
        """Start the triggers, as the minute's schedule does."""
        event = json.dumps(schedule_event("fire_orders"))
        function = f"{self._stack}-fire-orders"
        self._aws.functions.invoke(FunctionName=function, InvocationType="Event", Payload=event)
