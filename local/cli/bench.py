"""`bench`: our engine measured beside one as people build it in Node; the measuring is in `tests/bench`."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import click

from ..client.commands.terminal import Failure, NotDone
from ..client.commands.view import screen
from ..process import Stopped, signals

SCENARIOS = "burst, latency, own-socket, ceiling, sockets, backlog, table, triggers, neighbour"


@click.command()
@click.option("--quick", is_flag=True, help="Small numbers, two rounds: some minutes, rough figures.")
@click.option("--only", metavar="NAMES", default=SCENARIOS, help=f"Scenarios, of: {SCENARIOS}.")
@click.option("--rounds", type=click.IntRange(1), help="How often each side has its turn (3).")
@click.option("--orders", type=click.IntRange(1), help="Orders of a burst (2000).")
@click.option("--clients", type=click.IntRange(1), help="Clients of a burst (50).")
@click.option("--no-baseline", is_flag=True, help="Measure ours alone; needs no Node.")
@click.option("--one-process", "mode", flag_value="ours", help="Ours as one process only.")
@click.option("--separate", "mode", flag_value="separate", help="Ours with `up --separate` only.")
@click.option(
    "--against",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Another checkout of this engine, with its own .venv, in place of the baseline.",
)
@click.option("--keys", is_flag=True, help="Ours taking API keys, beside ours open; no baseline.")
@click.option("--solana", is_flag=True, help="Ours on a Solana node, beside ours simulated; no baseline.")
@click.option("--check", is_flag=True, help="Exit 1 if a figure is not what it must be.")
@click.option(
    "--html", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Write a report."
)
@click.option(
    "--json", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Write all figures."
)
def bench(
    quick: bool,
    only: str,
    rounds: int | None,
    orders: int | None,
    clients: int | None,
    no_baseline: bool,
    mode: str | None,
    against: Path | None,
    keys: bool,
    solana: bool,
    check: bool,
    html: Path | None,
    json: Path | None,
) -> None:
    """Measure the engine against the same engine as people build it in Node (Fastify, BullMQ, ioredis, pg).

    Both answer the same wire, store every step in a Postgres that flushes to disk, and get fresh servers of
    the same versions. They have their turns one after the other, round by round and the other way round in
    every second one, so what else the machine does meets both; a ratio is taken within a round.

    \b
    burst       2,000 orders by 50 clients, venues without latency: orders/s, CPU, memory
    latency     50 orders a second: created → confirmed
    own-socket  each order on its own connection, opened after the submit: orders/s, lost events
    ceiling     100 orders at the venues' own latency: how well the ten places are used
    sockets     1,000 idle connections; 1,000 on one order
    backlog     2,000 → 10,000 → 50,000 orders at once                              (long)
    table       beside 1,000,000 orders that are over                               (long)
    triggers    10,000 limit orders at rest: CPU, and how soon one fires; ours only
    neighbour   an account alone, and beside another one's flood; ours only

    \b
    Example: ./local/run bench --quick --html bench.html
             ./local/run bench --only burst,latency --rounds 5
             ./local/run bench --against ../main --only burst --check    nothing may cost over 5 % more
    """
    if sum(map(bool, (against, keys, solana))) > 1:
        raise click.UsageError("--against, --keys and --solana are comparisons of their own; one at a time.")
    if importlib.util.find_spec("tests") is None or importlib.util.find_spec("tests.bench") is None:
        raise NotDone("bench needs the folder tests/ of a checkout of this project, which is not here.")
    from tests.bench import command

    names = [name.strip() for name in only.split(",") if name.strip()]
    if unknown := sorted({*names} - {*command.NAMES}):
        raise NotDone(f"No such scenario: {', '.join(unknown)}. There are: {SCENARIOS}.")
    wish = command.Wish(
        only=names,
        quick=quick,
        rounds=rounds,
        orders=orders,
        clients=clients,
        baseline=not no_baseline,
        modes=(mode,) if mode else ("ours", "separate"),
        against=against,
        keys=keys,
        solana=solana,
        html=html,
        json=json,
    )
    try:
        with signals(lambda: click.echo("\nstopping …")):
            is_good = command.bench(wish, screen())
    except Stopped:
        raise SystemExit(130) from None
    except command.BenchError as error:
        raise Failure(str(error)) from error
    if check and not is_good:
        raise SystemExit(1)
