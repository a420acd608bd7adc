"""Limit orders at an engine that is deployed into the emulator, and a market that brings their price."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeVar

import httpx
from chalicelib.simulation.market import NOISE, Market

from infra.aws import Aws
from local.triggers.schedule import schedule_event
from tests.samples import SOL, USDC

LASTS_S = 900  # the market of a test
WITHIN_S = 60.0

Found = TypeVar("Found")


def dearer_market(seed: str) -> tuple[str, Decimal]:
    """The seed of a market where SOL stays dearer than in that of `seed`, and a price between the two."""
    now = int(time.time() * 1000)
    instants = range(now, now + 1000 * LASTS_S, 10_000)

    def best_prices(seed: str) -> list[Fraction]:
        market = Market(seed)
        return [max(market.venue_price(venue, SOL, USDC, at) for venue in NOISE) for at in instants]

    least = max(best_prices(seed)) * Fraction(101, 100)  # fees and the order's own size take less
    dear = next(other for other in map(str, range(1000)) if min(best_prices(other)) > least)
    price = max(best_prices(seed)) * 10**SOL.decimals / 10**USDC.decimals
    return dear, (Decimal(price.numerator) / price.denominator).quantize(Decimal("0.0001"))


def eventually(look: Callable[[], Found]) -> Found:
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

    def rest(self, price: Decimal) -> str:
        """The id of an order that waits for this price of SOL."""
        terms = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1", "type": "limit"}
        answer = self.request("POST", "/api/orders/execute", terms | {"limitPrice": str(price)})
        assert answer["status"] == "open"
        return str(answer["orderId"])

    def status(self, order_id: str) -> str:
        """Where it is."""
        return str(self.request("GET", f"/api/orders/{order_id}")["status"])

    def request(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """What the engine answers, as soon as it does: its functions are replaced now and then."""
        [stack] = self._aws.cloudformation.describe_stacks(StackName=self._stack)["Stacks"]
        [url] = [output["OutputValue"] for output in stack["Outputs"] if output["OutputKey"] == "HttpUrl"]

        def answer() -> dict[str, Any] | None:
            response = httpx.request(method, f"{url}{path}", json=body, timeout=30, trust_env=False)
            return response.json() if response.is_success else None

        return eventually(answer)

    def fire(self) -> None:
        """Start the triggers, as the minute's schedule does."""
        event = json.dumps(schedule_event("fire_orders"))
        function = f"{self._stack}-fire-orders"
        self._aws.functions.invoke(FunctionName=function, InvocationType="Event", Payload=event)
