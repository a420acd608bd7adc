"""`demo`: an engine of its own, six orders over HTTP, subscribed to over WebSockets; then the table."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from decimal import ROUND_DOWN, Context, Decimal

import click
from chalicelib.config import Config
from chalicelib.domain.lifecycle import Status
from rich.console import Console
from rich.live import Live
from rich.table import Table

from ..client import AsyncEngineClient, Refused
from ..client.commands import options
from ..client.commands.view import (
    STEPS,
    Life,
    Wire,
    dump,
    event_line,
    lives_table,
    percent,
    plain_table,
    quote_lines,
    screen,
    short,
    width_of,
)
from ..engine import Engine
from ..gateway import listen
from ..landed import count_swaps, explorer
from ..process import Stopped, Stopping, run_on_loop, signals
from ..services import Services
from ..settings import check_faults, settings
from ..terminal import log_to_stderr
from ..world import check, prepare
from . import machine

NAMES = ("tokenIn", "tokenOut", "amount")
ORDERS = (
    ("SOL", "USDC", "1.5"),
    ("USDC", "JUP", "250"),
    ("BONK", "SOL", "1000000"),
    ("RAY", "USDT", "40"),
    ("USDC", "FIDA", "20000"),  # moves each pool's price so far that it is divided among them
)
SMALLER = {"FIDA": "8000"}  # by the token that is bought, where a venue fills whole orders
LIMIT = ("JTO", "USDC", "100")
BELOW_MARKET = Decimal("0.99")  # of the best quote: further than a price moves until the order is filled
LONGEST_S = 120.0  # for all of them, retries included

FRAMES_PER_S = 12


@click.command()
@machine.world
@machine.log_level
@options.as_json
def demo(
    world: str | None,
    latency: float | None,
    faults: str | None,
    log_level: str,
    log_format: str,
    verbose: bool,
    as_json: bool,
) -> None:
    """Show six orders from submit to settlement, in an engine that is started for it and leaves nothing.

    Five are market orders. One is a limit order whose price the market has reached: it rests until the engine
    next looks at prices, and fires.

    Exits 0 only if all are confirmed, every event arrived once and in order, and the chain holds exactly one
    swap for each. With --json what is shown goes to stderr, and the orders, each with its events and its
    number of swaps, to stdout.

    With --world solana the orders are real transactions, on a Solana node that is started for it, too.

    \b
    Example: ./local/run demo --latency 0.5
    """
    log_to_stderr("INFO" if verbose else log_level, form=log_format)
    environ = settings(world=world, sim_latency=latency, sim_faults=faults)
    try:
        with signals(lambda: click.echo("\nstopping …")) as stopping:
            raise SystemExit(0 if _run(environ, stopping, as_json=as_json) else 1)
    except Stopped:
        raise SystemExit(130) from None


def _run(environ: dict[str, str], stopping: Stopping, *, as_json: bool) -> bool:
    config, console = Config.load(environ), screen(stderr=as_json)
    check_faults(config)
    prepare(config)
    console.print("starting Postgres, Valkey and SQS in a temporary folder …")
    servers = Services(None, environ=environ, durable=False, hosts_sqs=True)
    with listen("127.0.0.1", 0) as listening, servers as services:

        async def play() -> bool:
            sqs = services.hosted_sqs
            await check(services.endpoints.configure(config))
            async with Engine(config, services.endpoints, listening=listening, sqs=sqs) as engine:
                return await stopping.unless(_play(engine, console, as_json=as_json))

        return run_on_loop(play)


async def _play(engine: Engine, console: Console, *, as_json: bool) -> bool:
    """Whether all ended as they should."""
    orders: list[Wire] = [dict(zip(NAMES, order, strict=True)) for order in ORDERS]
    if engine.config.world == "solana":
        orders = [{**order, "amount": SMALLER.get(order["tokenOut"], order["amount"])} for order in orders]
    async with AsyncEngineClient(engine.url) as client:
        try:
            orders.append(await _limit_order(client, console))
        except Refused as refusal:  # by faults that were asked for
            console.print(f"no limit order, since it takes a quote to choose its price: {refusal}")
        console.print(f"submitting {len(orders)} orders to {engine.url}\n")
        submitted = await asyncio.gather(*map(client.submit, orders))
        lives = [
            Life(answer["orderId"], {name: order[name] for name in NAMES})
            for answer, order in zip(submitted, orders, strict=True)
        ]
        with draw_lives(lives, console) as drawn:
            subscriptions = (
                _subscribe(client, life, answer["websocket"], drawn)
                for life, answer in zip(lives, submitted, strict=True)
            )
            await _all_within(LONGEST_S, subscriptions)
    for table in outcome_tables(lives, console.width):
        console.print()
        console.print(table)
    if engine.config.world == "solana":
        for line in transaction_lines(lives, engine.config):
            console.print(line, soft_wrap=True)
    swaps = await asyncio.to_thread(count_swaps, engine.config)
    if as_json:
        dump(
            [
                {"orderId": life.order_id, "events": life.events, "swaps": swaps[life.order_id]}
                for life in lives
            ]
        )
    return _judge(lives, swaps, console)


async def _limit_order(client: AsyncEngineClient, console: Console) -> Wire:
    """A limit order that fires once the engine looks at prices. Raises Refused where no venue quotes."""
    terms = dict(zip(NAMES, LIMIT, strict=True))
    quote = await client.quote(terms)
    chosen: Wire = quote["quotes"][quote["chosen"]]
    best = Decimal(chosen["price"])
    price = Context(prec=5, rounding=ROUND_DOWN).multiply(best, BELOW_MARKET)
    sold, asked = f"{short(terms['amount'])} {terms['tokenIn']}", f"{price:f} {terms['tokenOut']}"
    console.print(
        f"a limit order sells {sold} at {asked} or more; the best quote is {short(f'{best:f}')}, "
        "so it fires when the engine next looks"
    )
    return terms | {"type": "limit", "limitPrice": f"{price:f}"}


async def _subscribe(
    client: AsyncEngineClient, life: Life, websocket: str, drawn: Callable[[Life], None]
) -> None:
    async for event in client.follow(life.order_id, websocket=websocket):
        life.take(event)
        drawn(life)


async def _all_within(seconds: float, works: Iterable[Awaitable[None]]) -> None:
    """Wait for all of them; those that take longer are left as they are, and judged so."""
    try:
        async with asyncio.timeout(seconds):
            await asyncio.gather(*works)
    except TimeoutError:
        return


def _judge(lives: Sequence[Life], swaps: Counter[str], console: Console) -> bool:
    """Say what was and what should have been; whether they are the same."""
    confirmed = [life for life in lives if life.status == Status.CONFIRMED]
    wrong = [
        reason
        for life in lives
        for ok, reason in (
            (life.status == Status.CONFIRMED, f"{life.order_id[:8]} is {life.status}"),
            (life.is_whole, f"{life.order_id[:8]} came with the events {[e['seq'] for e in life.events]}"),
            (
                swaps[life.order_id] == 1,
                f"{life.order_id[:8]} has {swaps[life.order_id]} swaps",
            ),
        )
        if not ok
    ]
    console.print(
        f"\n{len(confirmed)} of {len(lives)} orders confirmed; "
        f"the chain holds {sum(swaps[life.order_id] for life in lives)} landed swaps of theirs"
        + ("" if wrong else ": exactly one each, every event in order.")
    )
    for reason in wrong:
        console.print(f"WRONG: {reason}", style="bold red")
    return not wrong


@contextmanager
def draw_lives(lives: Sequence[Life], console: Console) -> Iterator[Callable[[Life], None]]:
    """Draw while the block runs; call what it gives with a life that has taken an event."""
    if not console.is_terminal:
        yield lambda life: console.print(event_line(life.events[-1], life, name=life.order_id[:8]))
        return
    with Live(
        console=console, get_renderable=lambda: lives_table(lives), refresh_per_second=FRAMES_PER_S
    ) as live:
        yield lambda life: live.refresh()


def transaction_lines(lives: Sequence[Life], config: Config) -> Iterator[str]:
    """The transaction of each order that is confirmed: its signature, slot, compute units and fees."""
    yield ""
    for life in lives:
        if life.status == Status.CONFIRMED:
            end, fill = life.end, life.end["fill"]
            fees = " + ".join(f"{short(fill['fees'][kind]['amount'])}" for kind in ("network", "priority"))
            yield f"{life.order_id[:8]}  {end['txHash']}"
            yield f"          slot {end['slot']}, {fill['computeUnits']} compute units, fees {fees} SOL"
            if link := explorer(config, str(end["txHash"])):
                yield f"          {link}"


Cell = Callable[[Life], str]


def outcome_tables(lives: Sequence[Life], width: int) -> list[Table]:
    """What came of the orders: one table, or as few as fit where the terminal is narrow."""
    rested = any(life.seconds_in(Status.OPEN) is not None for life in lives)
    times = TIMES[:1] + [("open", _in(Status.OPEN))] * rested + TIMES[1:]
    choices = (
        [NAME + RESULT + times],
        [NAME + RESULT, NAME[:2] + times],
        [NAME + RESULT[:1], NAME[:2] + RESULT[1:], NAME[:2] + times],
        [NAME + RESULT[:1], NAME[:2] + RESULT[1:], NAME[:1] + times],
        [NAME + RESULT[:1], NAME[:2] + RESULT[1:], NAME[:1] + times[:-2], NAME[:1] + times[-2:]],
    )
    for columns in choices:
        tables = [_table(lives, some, gap=2 if len(columns) == 1 else 1) for some in columns]
        if max(map(width_of, tables)) <= width:
            break
    return tables


def _table(lives: Sequence[Life], columns: Sequence[tuple[str, Cell]], *, gap: int) -> Table:
    table = plain_table(gap)
    for title, cell in columns:
        is_number = cell not in (_order_id, _pair, _route)
        table.add_column(title, justify="right" if is_number else "left", no_wrap=True)
    for life in lives:
        table.add_row(
            *(cell(life) for _, cell in columns), style="red" if life.status == Status.FAILED else ""
        )
    return table


def _order_id(life: Life) -> str:
    return life.order_id[:8]


def _pair(life: Life) -> str:
    return life.pair


def _amount(life: Life) -> str:
    return short(life.terms["amount"])


def _route(life: Life) -> str:
    """The dex chosen, marked, and below it the other one, each with its quote."""
    chosen = life.building.get("chosen", "")
    lines = [
        f"{'▸' if line.startswith(chosen) else ' '} {line}"
        for line in quote_lines(life.building.get("quotes", {}))
    ]
    return "\n".join(sorted(lines, reverse=True)) or str(life.end.get("code", ""))


def _quoted(life: Life) -> str:
    return short(life.building.get("route", {}).get("amountOut", ""))


def _received(life: Life) -> str:
    return short(life.end.get("amountOut", ""))


def _impact(life: Life) -> str:
    route = life.building.get("route")
    return percent(route["priceImpactBps"]) if route else ""


def _attempts(life: Life) -> str:
    return str(life.attempts)


def _in(status: str) -> Cell:
    return lambda life: _seconds(life.seconds_in(status))


def _total(life: Life) -> str:
    return _seconds(life.seconds)


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.2f} s"


NAME: list[tuple[str, Cell]] = [("order", _order_id), ("pair", _pair), ("amount", _amount)]
RESULT: list[tuple[str, Cell]] = [
    ("route", _route),
    ("quoted", _quoted),
    ("received", _received),
    ("impact", _impact),
]
TIMES: list[tuple[str, Cell]] = [
    ("attempts", _attempts),
    *((status, _in(status)) for status in STEPS),
    ("total", _total),
]
