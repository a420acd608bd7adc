"""An order's life as the terminal tells it, from the events that arrive: taken in, judged, put into words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_DOWN, Context, Decimal
from itertools import pairwise
from typing import Any

Wire = dict[str, Any]

STEPS = ("pending", "routing", "building", "submitted")
ENDED = ("confirmed", "failed")


@dataclass
class Life:
    """What is known of an order; `terms` has tokenIn, tokenOut and amount, and comes with the first event."""

    order_id: str
    terms: Wire = field(default_factory=lambda: {"tokenIn": "?", "tokenOut": "?", "amount": ""})
    events: list[Wire] = field(default_factory=list)

    def take(self, event: Wire) -> None:
        """Add the next event."""
        self.events.append(event)
        if "tokenIn" in event:
            self.terms = {name: event[name] for name in ("tokenIn", "tokenOut", "amount")}

    @property
    def status(self) -> str:
        """Where the order is."""
        return str(self.events[-1]["status"]) if self.events else "pending"

    @property
    def attempts(self) -> int:
        """The attempt it is at, or ended with."""
        return int(self.events[-1]["attempt"]) if self.events else 1

    @property
    def has_ended(self) -> bool:
        """Whether no event follows."""
        return self.status in ENDED

    @property
    def is_whole(self) -> bool:
        """Whether every event arrived once and in order, from the first to one that ends the life."""
        seqs = [event["seq"] for event in self.events]
        return self.has_ended and seqs == list(range(1, len(seqs) + 1))

    @property
    def pair(self) -> str:
        """`SOL → USDC`"""
        return f"{self.terms['tokenIn']} → {self.terms['tokenOut']}"

    @property
    def building(self) -> Wire:
        """The last attempt's `building` event, with its route and quotes; empty if there was none."""
        return next((event for event in reversed(self.events) if event["status"] == "building"), {})

    @property
    def end(self) -> Wire:
        """The event that ended it; empty until then."""
        return self.events[-1] if self.has_ended else {}

    @property
    def seconds(self) -> float:
        """From its first event to its last."""
        return _between(self.events[0], self.events[-1]) if self.events else 0.0

    def seconds_in(self, status: str) -> float | None:
        """How long it was in `status`, over all attempts; None if never."""
        spent = [_between(one, two) for one, two in pairwise(self.events) if one["status"] == status]
        return sum(spent) if spent else None

    def __str__(self) -> str:
        return f"{short(self.terms['amount'])} {self.pair}"


def tell(event: Wire, life: Life) -> str:
    """What an event says, in a few words."""
    token_out = life.terms["tokenOut"]
    match event:
        case {"status": "pending", "error": error, "code": code}:
            return f"attempt {event['attempt']} in {event['retryInMs']} ms: {error} ({code})"
        case {"status": "pending", "redriven": times}:
            return f"redriven: set {times + 1} of its attempts begins"
        case {"status": "pending"}:
            slippage = event.get("slippageBps")
            return str(life) + (f", slippage up to {percent(slippage)}" if slippage else "")
        case {"status": "routing"}:
            return "asking both venues" + (f", attempt {event['attempt']}" if event["attempt"] > 1 else "")
        case {"status": "building", "route": route, "quotes": quotes}:
            others = "".join(f"; {line}" for line in quote_lines(quotes) if not line.startswith(route["dex"]))
            impact = percent(route["priceImpactBps"])
            return f"{route['dex']} gives {short(route['amountOut'])} {token_out}, impact {impact}{others}"
        case {"status": "submitted"}:
            return f"sent to {event['dex']}, {event['txHash'][:12]}…"
        case {"status": "confirmed"}:
            received = f"{short(event['amountOut'])} {token_out}"
            return f"received {received} at {short(event['executedPrice'])}, slot {event['slot']}"
        case {"status": "failed"}:
            return f"{event['error']} ({event['code']}, attempts: {event['attempts']})"
    return ""


def quote_lines(quotes: Wire) -> Iterator[str]:
    """`raydium 224.81`, or why it gave none, for each venue."""
    for dex, quote in quotes.items():
        yield f"{dex} {short(quote['amountOut']) if 'amountOut' in quote else quote['code']}"


def percent(bps: int) -> str:
    """`125` → `1.25 %`"""
    return f"{bps / 100:.2f} %"


def short(amount: str) -> str:
    """An amount to read: eight digits at most, cut and never rounded up, with thousands apart."""
    if amount == "":
        return ""
    number = Context(prec=max(8, Decimal(amount).adjusted() + 1), rounding=ROUND_DOWN).plus(Decimal(amount))
    whole, _, rest = f"{number:,f}".partition(".")
    rest = rest.rstrip("0")
    return f"{whole}.{rest}" if rest else whole


def _between(one: Wire, two: Wire) -> float:
    first, second = (datetime.fromisoformat(event["at"]) for event in (one, two))
    return (second - first).total_seconds()
