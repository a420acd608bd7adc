"""`load`: many orders at an engine that runs, as clients submit them, and what each of them took.

    by --clients   each client submits, waits for the end of its order, and submits the next
    by --rate      an order begins every 1/RATE s, however many are under way; its times count from then

A rate shows what a client meets when the engine falls behind: its orders wait in line, and are not left out.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import count, cycle, islice
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from .. import report
from ..client import AsyncEngineClient, ClientError, OutcomeUnknown, Refused
from ..client.commands import options
from ..client.commands.terminal import Failure, counted
from ..client.commands.view import Wire, dump, say, screen
from ..process import Stopped, run_on_loop, signals
from ..report.statistics import percentile
from ..report.svg import lines, shares

PAIRS = ("SOL/USDC", "USDC/JUP", "BONK/SOL", "RAY/USDT")
SHARES = (0.5, 0.9, 0.99, 1.0)
LIMITS = (1, 1.5, 2, 3, 5, 7)  # of the lines of a histogram, times a power of ten
BARS = 40  # characters of the longest bar
NO_ANSWER, TOO_LATE = "NO_ANSWER", "TOO_LATE"


@dataclass(frozen=True)
class Plan:
    """What is submitted: this many orders of `terms` in turn, by clients or at a rate."""

    orders: int
    terms: Sequence[Wire]
    clients: int
    per_s: float | None
    longest_s: float


@dataclass(frozen=True)
class Taken:
    """What became of an order, its status or why it was refused, and its times in ms."""

    outcome: str
    submit_ms: float | None = None
    end_ms: float | None = None
    attempts: int = 1


@dataclass
class Load:
    """The orders that have ended so far, and how long it all has taken."""

    plan: Plan
    taken: list[Taken] = field(default_factory=list)
    began_s: float = field(default_factory=time.monotonic)
    seconds: float = 0.0

    def add(self, one: Taken) -> None:
        """Add an order that has ended."""
        self.taken.append(one)
        self.seconds = time.monotonic() - self.began_s

    @property
    def series(self) -> dict[str, list[float]]:
        """The times in ms of those that were placed, and of those that ended."""
        return {
            "submit → answer": [one.submit_ms for one in self.taken if one.submit_ms is not None],
            "submit → last event": [one.end_ms for one in self.taken if one.end_ms is not None],
        }

    @property
    def outcomes(self) -> dict[str, int]:
        """How many ended how."""
        return dict(Counter(one.outcome for one in self.taken).most_common())

    def figures(self) -> Wire:
        """All of it as JSON."""
        return {
            "orders": len(self.taken),
            "seconds": round(self.seconds, 3),
            "ordersPerSecond": round(len(self.taken) / self.seconds, 1) if self.seconds else None,
            "outcomes": self.outcomes,
            "retried": sum(one.attempts > 1 for one in self.taken),
            "ms": {
                name: {_name(share): round(percentile(values, share), 1) for share in SHARES}
                for name, values in self.series.items()
                if values
            },
        }


@click.command()
@click.option("--orders", type=click.IntRange(1), default=100, show_default=True, help="How many.")
@click.option(
    "--clients",
    type=click.IntRange(1),
    help="How many submit, each its next order when one ends.  [default: 10]",
)
@click.option("--rate", type=click.FloatRange(0.01), help="Orders a second, in place of --clients.")
@click.option(
    "--pair",
    "pairs",
    multiple=True,
    metavar="IN/OUT",
    help=f"Tokens that are traded; may be given again.  [default: {', '.join(PAIRS)}]",
)
@click.option("--amount", type=options.NUMBER, default="1", show_default=True, help="How much of IN, each.")
@click.option(
    "--longest",
    type=options.DURATION,
    default="2m",
    show_default=True,
    help="An order that has not ended by then is counted as such.",
)
@click.option(
    "--html", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Write a report."
)
@options.engine
@options.as_json
def load(
    orders: int,
    clients: int | None,
    rate: float | None,
    pairs: tuple[str, ...],
    amount: str,
    longest: int,
    html: Path | None,
    engine: options.Place,
    as_json: bool,
) -> None:
    """Submit many orders to an engine, wait for their ends, and show how long each took.

    Ctrl-C shows what there is so far; orders that are under way go on. Exits 1 unless all were confirmed.

    \b
    Example: ./local/run load --orders 500 --clients 50
             ./local/run load --rate 20 --orders 1000 --pair SOL/USDC --html load.html
    """
    if clients and rate:
        raise click.UsageError("--clients or --rate, not both.")
    terms = [_terms(pair, amount) for pair in pairs or PAIRS]
    plan = Plan(orders, terms, clients or 10, rate, longest / 1000)
    done = _run(engine.url, plan)
    if as_json:
        dump(done.figures())
    else:
        for line in summary(done):
            say(line)
    if html:
        html.write_text(page(done), encoding="utf-8")
    if len(done.taken) < orders:
        raise SystemExit(130)
    raise SystemExit(0 if done.outcomes == {"confirmed": orders} else 1)


def _terms(pair: str, amount: str) -> Wire:
    token_in, _, token_out = pair.partition("/")
    if not token_out:
        raise click.UsageError(f"--pair is like SOL/USDC, not {pair!r}.")
    return {"tokenIn": options.symbol(token_in), "tokenOut": options.symbol(token_out), "amount": amount}


def _run(url: str, plan: Plan) -> Load:
    """All of the load, or what there was of it at Ctrl-C. Raises Failure if no order was answered."""
    done = Load(plan)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = screen(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("orders", total=plan.orders)

        def add(one: Taken) -> None:
            done.add(one)
            progress.advance(bar)

        try:
            with signals(lambda: None) as stopping:
                run_on_loop(lambda: stopping.unless(submit_all(url, plan, add)))
        except Stopped:
            pass
    if done.outcomes.get(NO_ANSWER) == len(done.taken) > 0:
        raise Failure(f"No engine answers at {url}.")
    return done


async def submit_all(url: str, plan: Plan, add: Callable[[Taken], None]) -> None:
    """Submit the orders; each is added when it has ended."""
    loop = asyncio.get_running_loop()
    async with AsyncEngineClient(url) as client:
        await client.tokens()  # or it is no engine, or no key of its; once in place of a thousand times
        terms = islice(cycle(plan.terms), plan.orders)
        async with asyncio.TaskGroup() as tasks:
            if plan.per_s is None:
                for _ in range(min(plan.clients, plan.orders)):
                    tasks.create_task(_client(client, terms, plan.longest_s, add))
                return
            began_s = loop.time()
            for number, each in zip(count(), terms):
                due_s = began_s + number / plan.per_s
                await asyncio.sleep(due_s - loop.time())
                tasks.create_task(_one(client, each, due_s, plan.longest_s, add))


async def _client(
    client: AsyncEngineClient, terms: Iterator[Wire], longest_s: float, add: Callable[[Taken], None]
) -> None:
    for each in terms:
        await _one(client, each, asyncio.get_running_loop().time(), longest_s, add)


async def _one(
    client: AsyncEngineClient, terms: Wire, began_s: float, longest_s: float, add: Callable[[Taken], None]
) -> None:
    """Submit an order and follow it to its end."""
    loop = asyncio.get_running_loop()
    submit_ms: float | None = None
    try:
        async with asyncio.timeout_at(began_s + longest_s):
            answer = await client.submit(terms)
            submit_ms = (loop.time() - began_s) * 1000
            following = client.follow(answer["orderId"], websocket=answer["websocket"])
            last = [event async for event in following][-1]
    except TimeoutError:
        add(Taken(TOO_LATE, submit_ms))
    except Refused as refusal:
        add(Taken(refusal.code or str(refusal.status), submit_ms))
    except (OutcomeUnknown, ClientError):
        add(Taken(NO_ANSWER, submit_ms))
    else:
        add(Taken(last["status"], submit_ms, (loop.time() - began_s) * 1000, int(last["attempt"])))


def summary(done: Load) -> Iterator[str]:
    """Figures and a histogram, for a terminal."""
    figures = done.figures()
    per_s = figures["ordersPerSecond"] or 0
    yield f"{counted(figures['orders'], 'order')} in {done.seconds:.1f} s, {per_s} a second"
    yield ", ".join(f"{number} {outcome}" for outcome, number in done.outcomes.items()) or "none has ended"
    if figures["retried"]:
        yield f"{figures['retried']} of them took more than one attempt"
    for name, shown in figures["ms"].items():
        yield f"{name:<20} " + "  ".join(f"{share} {ms:,.0f} ms" for share, ms in shown.items())
    yield from histogram(done.series["submit → last event"])


def histogram(values: Sequence[float]) -> Iterator[str]:
    """How many values are up to 1, 1.5, 2, 3, 5, 7, 10 … ms; no empty lines at the ends."""
    if not values:
        return
    counts = Counter(_bucket(value) for value in values)
    most = max(counts.values())
    yield ""
    for bucket in range(min(counts), max(counts) + 1):
        bar = "█" * math.ceil(BARS * counts[bucket] / most)
        yield f"{f'up to {_limit(bucket):,g} ms':>18}  {bar:<{BARS}}  {counts[bucket]}"


def _bucket(ms: float) -> int:
    bucket = 0
    while _limit(bucket) < ms:
        bucket += 1
    return bucket


def _limit(bucket: int) -> float:
    return float(LIMITS[bucket % len(LIMITS)] * 10 ** (bucket // len(LIMITS)))


def page(done: Load) -> str:
    """The report as HTML."""
    figures = done.figures()
    rows = [("orders", str(figures["orders"])), ("orders a second", str(figures["ordersPerSecond"]))]
    rows += [(outcome, str(number)) for outcome, number in done.outcomes.items()]
    rows.append(("took more than one attempt", str(figures["retried"])))
    rows += [
        (f"{name}, {share}", f"{ms:,.1f} ms")
        for name, each in figures["ms"].items()
        for share, ms in each.items()
    ]
    body = "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in rows)
    plan = done.plan
    how = f"{plan.per_s:g} a second" if plan.per_s else counted(plan.clients, "client")
    times = {name: shares(values) for name, values in done.series.items() if values}
    plots = [("How many had their answer, or their end, within", lines(times, "ms", "%"))] if times else []
    return report.page(
        "Load on the order execution engine", "Load", f"{plan.orders} orders, {how}", body, plots
    )


def _name(share: float) -> str:
    return "max" if share == 1 else f"p{share * 100:g}"
