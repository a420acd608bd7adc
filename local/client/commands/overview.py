"""The commands that look at a whole engine: `health` once, `top` again and again; and `completion`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

import click
from click.shell_completion import get_completion_class
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from .. import AsyncEngineClient, Refused, Unreachable, wire
from . import COMPLETE, PROGRAM, options
from .orders import run
from .terminal import counted
from .view import COLOURS, Hanging, Wire, dump, orders_view, say, screen

DEGRADED = 1  # exit code
ROWS_ABOVE = 9  # lines of the summary, and the title of the orders
PARTS = ("database", "redis", "queue")
ENDED = (wire.CONFIRMED, wire.FAILED, wire.CANCELLED, wire.EXPIRED)

Shown = str | Text | tuple[str, str]


@click.command()
@options.engine
@options.as_json
def health(engine: options.Place, as_json: bool) -> None:
    """Say whether the servers behind the engine answer; exits 1 if one does not.

    An engine that takes API keys tells which only to a key with the scope `admin`.

    \b
    Example: order-engine health
    """
    found = run(_health(engine.url))
    if as_json:
        dump(found)
    else:
        for part in PARTS:
            if part in found:
                say(f"{part:<14}{found[part]}")
        if (letters := found.get("deadLetters")) is not None:
            say(f"{'dead letters':<14}{letters['count']}")
        say(f"{'engine':<14}{found['status']}")
    raise SystemExit(0 if found["status"] == "ok" else DEGRADED)


@click.command()
@click.option(
    "--every", type=click.FloatRange(0.2, 3600), default=1.0, show_default=True, help="Seconds between looks."
)
@click.option("--once", is_flag=True, help="Print it once.")
@options.engine
@options.as_json
def top(every: float, once: bool, engine: options.Place, as_json: bool) -> None:
    """Watch the engine: its queue, orders under way, rates and times, and the newest orders.

    It takes an API key with the scope `admin`, where keys are needed. Ctrl-C ends it.

    \b
    Example: order-engine top
    """
    console = screen()
    if as_json or once or not console.is_terminal:
        found = run(_look(engine.url, console.height))
        if as_json:
            dump(found)
        else:
            console.print(overview(found, console))
        return
    run(_watch(engine.url, every, console))


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands and options in SHELL.

    \b
    Examples: eval "$(order-engine completion bash)"
              order-engine completion fish > ~/.config/fish/completions/run.fish
    """
    root, program = ctx.find_root(), ctx.find_object(options.Program) or PROGRAM
    kind = get_completion_class(shell)
    assert kind is not None
    say(kind(root.command, {}, program.name, COMPLETE).source())


def overview(found: Wire, console: Console) -> RenderableType:
    """The engine at a glance, and its newest orders."""
    lines = [*_lines(found["engine"])]
    if not found["orders"]:
        return Group(*lines)
    return Group(*lines, Text(), orders_view(found["orders"], datetime.now(UTC), console.width))


def _lines(engine: Wire) -> Iterator[Hanging]:
    parts = (Text.assemble(f"{name} ", _coloured(said)) for name, said in engine["parts"].items())
    yield _line("engine", _coloured(engine["status"]), *parts)
    queue, letters = engine["queue"], engine["deadLetters"]
    depth = [("waiting", "waiting"), ("inFlight", "in flight"), ("delayed", "delayed")]
    counts: list[Shown] = [f"{queue[name]} {what}" for name, what in depth] if queue else ["unknown"]
    if letters is not None:
        counts.append((counted(letters, "dead letter"), "red" if letters else ""))
    yield _line("queue", *counts)
    yield _line("orders", *(_count(*item) for item in (engine["orders"] or {}).items()))
    if recent := engine["recent"]:
        ended = (_count(status, recent[status]) for status in ENDED)
        yield _line(
            f"{recent['seconds']} s",
            f"{recent['submitted']} submitted",
            *ended,
            f"{recent['perSecond']:g} confirmed/s",
        )
        if times := recent["confirmMs"]:
            steps = (f"{status} {ms:.0f}" for status, ms in recent["stepMs"].items())
            yield _line("ms", *(f"{name} {ms:.0f}" for name, ms in times.items()), "of which", *steps)


def _line(title: str, *parts: Shown) -> Hanging:
    whole = Text("  ").join([Text(f"{title:<7}", "bold"), *(Text.assemble(part) for part in parts)])
    return Hanging(whole, len(f"{title:<7}  "))


def _count(status: str, count: int) -> Text:
    return Text.assemble(f"{count} ", (status, COLOURS.get(status, "cyan")))


def _coloured(said: str) -> tuple[str, str]:
    return said, "green" if said == "ok" else "red"


async def _health(url: str) -> Wire:
    async with AsyncEngineClient(url) as client:
        try:
            return await client.health()
        except Refused as refusal:
            if "status" not in refusal.answer:
                raise
            return refusal.answer


async def _look(url: str, height: int) -> Wire:
    async with AsyncEngineClient(url) as client:
        return await _ask(client, height)


async def _ask(client: AsyncEngineClient, height: int) -> Wire:
    """The engine, and as many orders as there are lines for."""
    room = max(1, min(50, height - ROWS_ABOVE))
    engine, page = await asyncio.gather(client.engine(), client.orders(limit=room))
    return {"engine": engine, "orders": page["orders"]}


async def _watch(url: str, every_s: float, console: Console) -> None:
    async with AsyncEngineClient(url) as client:
        found = await _ask(client, console.height)
        with Live(overview(found, console), console=console, screen=True, auto_refresh=False) as live:
            while True:
                await asyncio.sleep(every_s)
                try:
                    shown = overview(await _ask(client, console.height), console)
                except Unreachable as error:
                    shown = Text(f"{error} Trying again …", "red")
                live.update(shown, refresh=True)
