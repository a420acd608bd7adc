"""What the terminal shows of orders: an order's life from its events, in words, lines and tables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_DOWN, Context, Decimal
from itertools import pairwise
from typing import Any

import click
from rich.console import Console, ConsoleOptions, Group, JustifyMethod, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from .. import wire

Wire = Mapping[str, Any]
Json = dict[str, Any]

STEPS: tuple[str, ...] = (wire.PENDING, wire.ROUTING, wire.BUILDING, wire.SUBMITTED)
PLAIN_WIDTH = 160  # of output that goes to a file or a pipe, where nothing need be folded
NUMBERS = ("age", "amount", "received", "attempt", "attempts", "asks", "now", "away", "expires", "decimals")
TEXTS = ("error", "body")  # of any length: these are folded
LEAST_TEXT, GAP = 24, 2
LONGEST_SYMBOL = 16
COLOURS = {
    wire.OPEN: "blue",
    wire.CONFIRMED: "green",
    wire.FAILED: "red",
    wire.CANCELLED: "yellow",
    wire.EXPIRED: "yellow",
}
NO_SWAP = {wire.FAILED: "✗", wire.CANCELLED: "–", wire.EXPIRED: "–"}


@dataclass
class Life:
    """What is known of an order; `terms` has tokenIn, tokenOut and amount, and comes with the first event."""

    order_id: str
    terms: Wire = field(default_factory=lambda: {"tokenIn": "?", "tokenOut": "?", "amount": ""})
    events: list[Wire] = field(default_factory=list)
    venues: Sequence[str] = ()  # the only ones that it may trade at; empty: all

    def take(self, event: Wire) -> None:
        """Add the next event."""
        self.events.append(event)
        if "tokenIn" in event:
            self.terms = {name: event[name] for name in ("tokenIn", "tokenOut", "amount")}
            self.venues = event.get("dexes", ())

    @property
    def status(self) -> str:
        """Where the order is."""
        return str(self.events[-1]["status"]) if self.events else wire.PENDING

    @property
    def attempts(self) -> int:
        """The attempt it is at, or ended with."""
        return int(self.events[-1]["attempt"]) if self.events else 1

    @property
    def has_ended(self) -> bool:
        """Whether this was its last event."""
        return self.status in wire.TERMINAL

    @property
    def is_whole(self) -> bool:
        """Whether every event arrived once and in order, from the first to one that ends the life."""
        seqs = [event["seq"] for event in self.events]
        return self.has_ended and seqs == list(range(1, len(seqs) + 1))

    @property
    def pair(self) -> str:
        """`SOL → USDC`"""
        return f"{token_name(self.terms['tokenIn'])} → {token_name(self.terms['tokenOut'])}"

    @property
    def building(self) -> Wire:
        """The last attempt's `building` event, with its route and quotes; empty if there was none."""
        return next((event for event in reversed(self.events) if event["status"] == wire.BUILDING), {})

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


def describe(event: Wire, life: Life) -> str:
    """What an event says, in a few words."""
    token_out = token_name(life.terms["tokenOut"])
    match event:
        case {"status": wire.OPEN, "error": error, "code": code}:
            return f"rests again: {error} ({code})"
        case {"status": wire.OPEN}:
            asked = f"waits for {price_asked(event)} {price_unit(event)}"
            return ", ".join([str(life), asked, *_limits(event, token_out)])
        case {"status": wire.PENDING, "triggerPrice": price}:
            return f"fires: its price is there, {short(price)}"
        case {"status": wire.PENDING, "error": error, "code": code}:
            return f"attempt {event['attempt']} in {event['retryInMs']} ms: {error} ({code})"
        case {"status": wire.PENDING, "redriven": times}:
            return f"redriven: set {times + 1} of its attempts begins"
        case {"status": wire.PENDING}:
            return ", ".join([str(life), *_limits(event, token_out)])
        case {"status": wire.ROUTING}:
            attempt = f", attempt {event['attempt']}" if event["attempt"] > 1 else ""
            return f"asking {_venues(life.venues)}{attempt}"
        case {"status": wire.BUILDING, "route": route, "quotes": quotes}:
            legs = legs_line(event)
            others = "".join(
                f"; {line}" for line in quote_lines(quotes) if legs or not line.startswith(route["dex"])
            )
            gives = f"{short(route['amountOut'])} {token_out}, impact {percent(route['priceImpactBps'])}"
            return f"{legs or route['dex']} gives {gives}{others}"
        case {"status": wire.SUBMITTED}:
            return f"sent to {event['dex']}, {event['txHash'][:12]}…"
        case {"status": wire.CONFIRMED}:
            received = f"{short(event['amountOut'])} {token_out}"
            return f"received {received} at {short(event['executedPrice'])}, slot {event['slot']}"
        case {"status": wire.FAILED}:
            return f"{event['error']} ({event['code']}, attempts: {event['attempts']})"
        case {"status": wire.CANCELLED}:
            return "by its client; nothing was traded"
        case {"status": wire.EXPIRED}:
            return "its time is over; nothing was traded"
    return ""


def fill_lines(confirmed: Wire, life: Life) -> Iterator[str]:
    """How a fill came to what it gave: its quote, its fees, the best venue alone, the time in each step."""
    fill = confirmed.get("fill")
    if fill is None:
        return
    token_out = token_name(life.terms["tokenOut"])
    impact = f", price impact {percent(fill['priceImpactBps'])}" if "priceImpactBps" in fill else ""
    yield (
        f"quoted {short(fill['quotedOut'])} {token_out}, slippage used "
        f"{percent(fill['slippageUsedBps'])}{impact}"
    )
    fees = fill["fees"]
    paid = [("venue", fee) for fee in fees.get("venue", ())]
    paid += [(kind, fees[kind]) for kind in ("network", "priority") if kind in fees]
    cost = [f"{kind} {short(fee['amount'])} {token_name(fee['token'])}" for kind, fee in paid]
    cost += [f"{fill['computeUnits']} compute units"] if "computeUnits" in fill else []
    yield f"fees: {', '.join(cost)}"
    if (best := fill.get("bestSingle")) and best["amountOut"] != fill["quotedOut"]:
        yield f"the best venue alone, {best['dex']}, would have given {short(best['amountOut'])} {token_out}"
    steps = {status: life.seconds_in(status) for status in STEPS}
    spent = [f"{status} {seconds * 1000:.0f} ms" for status, seconds in steps.items() if seconds is not None]
    yield "time: " + ", ".join(spent)


def price_asked(order: Wire) -> str:
    """`≥ 150` of a limit, `≤ 140` of a stop or a sniper; empty of a market order."""
    if "limitPrice" in order:
        return f"≥ {short(order['limitPrice'])}"
    if "maxPrice" in order:
        return f"≤ {short(order['maxPrice'])}"
    return f"≤ {short(order['stopPrice'])}" if "stopPrice" in order else ""


def price_unit(order: Wire) -> str:
    """`USDC per SOL`: what its price is in; a sniper's is what each token bought costs."""
    paid, each = token_name(order["tokenOut"]), token_name(order["tokenIn"])
    return f"{each} per {paid}" if "maxPrice" in order else f"{paid} per {each}"


def token_name(name: str) -> str:
    """A symbol, or the ends of a mint: `7xKX…gAsU`."""
    return name if len(name) <= LONGEST_SYMBOL else f"{name[:4]}…{name[-4:]}"


def _venues(names: Sequence[str]) -> str:
    return " and ".join(names) or "every venue"


def _limits(event: Wire, token_out: str) -> Iterator[str]:
    keeps_its_price = "limitPrice" in event or "maxPrice" in event
    if "slippageBps" in event and not keeps_its_price:
        is_auto = event["slippageBps"] == wire.AUTO_SLIPPAGE
        yield "slippage by the market" if is_auto else f"slippage up to {percent(event['slippageBps'])}"
    if "maxPriceImpactBps" in event:
        yield f"price impact up to {percent(event['maxPriceImpactBps'])}"
    if "minimumOut" in event:
        yield f"at least {short(event['minimumOut'])} {token_out}"
    if "minLiquidity" in event:
        yield f"in a pool of {short(event['minLiquidity'])} {token_name(event['tokenIn'])} or more"
    if "dexes" in event:
        yield f"only at {_venues(event['dexes'])}"
    if "expiresAt" in event:
        yield f"until {date_and_time(event['expiresAt'])}"


def quote_lines(quotes: Wire) -> Iterator[str]:
    """`raydium 224.81`, or why it gave none, for each venue."""
    for dex, quote in quotes.items():
        yield f"{dex} {short(quote['amountOut']) if 'amountOut' in quote else quote['code']}"


def date_and_time(at: str) -> str:
    """`2026-01-31T12:00:00.000Z` → `2026-01-31 12:00:00 UTC`"""
    return f"{at[:10]} {at[11:19]} UTC"


def legs_line(found: Wire) -> str:
    """`raydium 34 % + orca → meteora 66 %` for a route of several legs, empty for one of a single leg."""
    plan = found.get("routePlan", ())
    if len(plan) < 2:
        return ""
    sold = plan[0]["swapInfo"]["inputMint"]
    paths: list[tuple[str, int]] = []
    for step in plan:
        swap = step["swapInfo"]
        if swap["inputMint"] == sold:
            paths.append((swap["label"], round(step["bps"] / 100)))
        else:
            venue, share = paths.pop()
            paths.append((f"{venue} → {swap['label']}", share))
    return " + ".join(f"{venues} {share} %" for venues, share in paths)


def percent(bps: int) -> str:
    """`125` → `1.25 %`"""
    return f"{bps / 100:.2f} %"


def short(amount: str) -> str:
    """An amount to read: eight digits and `…` if there are more, never rounded up, with thousands apart."""
    if amount == "":
        return ""
    exact = Decimal(amount)
    number = Context(prec=max(8, exact.adjusted() + 1), rounding=ROUND_DOWN).plus(exact)
    whole, _, rest = f"{number:,f}".partition(".")
    cut = "" if number == exact else "…"
    rest = rest if cut else rest.rstrip("0")
    return f"{whole}.{rest}{cut}" if rest or cut else whole


def _between(one: Wire, two: Wire) -> float:
    first, second = (datetime.fromisoformat(event["at"]) for event in (one, two))
    return (second - first).total_seconds()


def screen(*, stderr: bool = False) -> Console:
    """The terminal; or a file or a pipe, to which nothing but text is written."""
    console = Console(stderr=stderr, highlight=False, emoji=False, markup=False)
    if console.is_terminal:
        return console
    return Console(
        stderr=stderr, highlight=False, emoji=False, markup=False, width=PLAIN_WIDTH, no_color=True
    )


def say(line: str) -> None:
    """A line for people."""
    click.echo(line)


def dump(found: object) -> None:
    """JSON on one line, written out at once."""
    click.echo(json.dumps(found))


@dataclass(frozen=True)
class Hanging:
    """A line whose continuation, on a narrow terminal, stands below its text, which begins at `indent`."""

    line: Text
    indent: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = options.max_width - self.indent
        if not console.is_terminal or room < LEAST_TEXT:
            yield self.line
            return
        parts = self.line[self.indent :].wrap(console, room)
        for number, part in enumerate(parts):
            yield Text.assemble(" " * self.indent if number else self.line[: self.indent], part)


TIME_WIDTH = len("00:00:00.000  ")
EVENT_INDENT = TIME_WIDTH + len("confirmed  ")


def event_line(event: Wire, life: Life, *, name: str = "") -> Text:
    """An event on one line: when, of which order if `name` says so, its status, what it says."""
    at = str(event["at"])[11:23]
    line = Text(f"{at}  {name}{'  ' if name else ''}")
    line.append(f"{event['status']:<9}", style=COLOURS.get(event["status"], "cyan"))
    line.append(f"  {describe(event, life)}")
    return line


def lives_table(lives: Sequence[Life]) -> Table:
    """Where every order is right now: a dot for each step that it has reached, and what it said last."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    names = [str(life) for life in lives]
    for width in (8, max(map(len, names), default=0), len(STEPS) * 2 + 1, 9):
        table.add_column(no_wrap=True, min_width=width)
    table.add_column(no_wrap=True, overflow="ellipsis")
    for life, name in zip(lives, names, strict=True):
        colour = COLOURS.get(life.status, "cyan")
        said = describe(life.events[-1], life) if len(life.events) > 1 else ""
        table.add_row(Text(life.order_id[:8], "dim"), name, _dots(life), Text(life.status, colour), said)
    return table


def _dots(life: Life) -> Text:
    if life.status in NO_SWAP:
        return Text(NO_SWAP[life.status], COLOURS[life.status])
    if life.status == wire.OPEN:
        last = -1
    else:
        last = STEPS.index(life.status) if life.status in STEPS else len(STEPS)
    dots = (
        ("●", COLOURS.get(life.status, "cyan")) if n <= last else ("○", "dim") for n in range(len(STEPS) + 1)
    )
    return Text(" ").join(Text(*dot) for dot in dots)


def plain_table(gap: int = GAP) -> Table:
    """A table without lines, to which columns are added."""
    return Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, header_style="bold")


def orders_view(orders: Sequence[Wire], now: datetime, width: int) -> RenderableType:
    """Orders as the engine lists them."""
    rows = [
        {
            "order": order["orderId"],
            "status": Text(order["status"], COLOURS.get(order["status"], "cyan")),
            "age": age((now - datetime.fromisoformat(order["createdAt"])).total_seconds()),
            "pair": f"{token_name(order['tokenIn'])} → {token_name(order['tokenOut'])}",
            "amount": short(order["amount"]),
            "received": short(order.get("amountOut", "")),
            "attempt": str(order["attempt"]),
            "reason": order.get("code", ""),
        }
        for order in orders
    ]
    return list_view(rows, width, head=3)


def list_view(rows: Sequence[Mapping[str, str | Text]], width: int, *, head: int) -> RenderableType:
    """A table, a line a row, where it fits; else the first `head` fields on a line, and the rest below.

    Nothing is cut, and no id or number is folded.
    """
    fixed = [{title: value for title, value in row.items() if title not in TEXTS} for row in rows]
    folded = len(rows[0]) - len(fixed[0])
    if width_of(_table(fixed)) + folded * (LEAST_TEXT + GAP) <= width:
        return _table(rows)
    return Group(*(line for row in rows for line in _lines(row, head)))


def _table(rows: Sequence[Mapping[str, str | Text]]) -> Table:
    table = plain_table()
    for title in rows[0]:
        justify: JustifyMethod = "right" if title in NUMBERS else "left"
        table.add_column(title, justify=justify, no_wrap=title not in TEXTS, overflow="fold")
    for row in rows:
        table.add_row(*row.values())
    return table


def width_of(table: Table) -> int:
    """How wide a table is that nothing limits."""
    unbounded = Console(width=10_000)
    return Measurement.get(unbounded, unbounded.options, table).maximum


def _lines(row: Mapping[str, str | Text], head: int) -> Iterator[RenderableType]:
    fields = [(title, Text.assemble(value)) for title, value in row.items()]
    yield Text("  ").join(value for _, value in fields[:head])
    below = [Text(f"{title} ").append_text(value) for title, value in fields[head:] if value]
    yield Hanging(Text("  ").append_text(Text(", ").join(below)), 2)


def quote_table(quote: Wire) -> Table:
    """Every venue's quote, the one chosen marked."""
    table = plain_table()
    for title in ("  venue", "gives", "price", "fee", "impact"):
        table.add_column(title, justify="left" if title == "  venue" else "right", no_wrap=True)  # cut with …
    for dex, answer in quote["quotes"].items():
        mark = "▸" if dex == quote["chosen"] else " "
        if "error" in answer:
            table.add_row(f"{mark} {dex}", Text(answer["code"], "red"))
        else:
            table.add_row(
                f"{mark} {dex}",
                f"{short(answer['amountOut'])} {token_name(quote['tokenOut'])}",
                short(answer["price"]),
                f"{short(answer['fee'])} {token_name(quote['tokenIn'])}",
                percent(answer["priceImpactBps"]),
            )
    return table


def tokens_view(tokens: Sequence[Wire], width: int) -> RenderableType:
    """The tokens, with what an order may name them by."""
    rows = [
        {
            "token": token["symbol"],
            "decimals": str(token["decimals"]),
            "mint": token["mint"] + ("" if token["tradable"] else "  not traded now"),
        }
        for token in tokens
    ]
    return list_view(rows, width, head=2)


def resting_view(orders: Sequence[Wire], now: datetime, width: int) -> RenderableType:
    """Resting orders with `priceNow`, and how far it is from the price that each asks."""
    rows = [
        {
            "order": order["orderId"],
            "type": order["type"],
            "pair": f"{token_name(order['tokenIn'])} → {token_name(order['tokenOut'])}",
            "amount": short(order["amount"]),
            "asks": price_asked(order),
            "now": short(order["priceNow"]) if order["priceNow"] else "no quote",
            "away": _away(order),
            "expires": age((datetime.fromisoformat(order["expiresAt"]) - now).total_seconds())
            if "expiresAt" in order
            else "never",
        }
        for order in orders
    ]
    return list_view(rows, width, head=3)


def _away(order: Wire) -> Text:
    """How far the price has to move; `there` from when it has done so until the order fires."""
    if order["isThere"]:
        return Text("there", "green")
    return Text("" if order["awayBps"] is None else f"{order['awayBps'] / 100:+,.2f} %")


def age(seconds: float) -> str:
    """`42 s`, `17 min`, `5 h`, `3 d`"""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
