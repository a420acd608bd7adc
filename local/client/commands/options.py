"""Options and arguments that several commands share, and how a command finds its engine."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import click

from ..wire import AUTO_SLIPPAGE

DEFAULT_URL = "http://127.0.0.1:3000"
LONGEST_SYMBOL = 31  # a mint has 32 characters or more

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class Place:
    """An engine's URL, and the program and options by which another command finds the same engine."""

    url: str
    program: str
    hint: str = ""

    def command(self, text: str) -> str:
        """A command to type."""
        return f"{self.program} {text}".rstrip() + self.hint


@dataclass(frozen=True)
class Program:
    """A command line: its name, and what to do where no engine answers."""

    name: str = "order-engine"
    advice: str = "Say where it is with --url or ENGINE_URL."

    def find(self, ctx: click.Context, url: str | None) -> Place:
        """The engine that a command is meant for; `url` is what the user named, if anything."""
        return Place(url or DEFAULT_URL, self.name, url_hint(url or DEFAULT_URL))


def engine(command: Command) -> Command:
    """Adds --url, from which the command gets its `engine`, a Place."""

    @click.option("--url", envvar="ENGINE_URL", help=f"Where the engine is.  [default: {DEFAULT_URL}]")
    @functools.wraps(command)
    def placed(*args: Any, url: str | None, **options: Any) -> Any:
        ctx = click.get_current_context()
        program = ctx.find_object(Program)
        assert program is not None
        return command(*args, engine=program.find(ctx, url), **options)

    return placed  # type: ignore[return-value]


def as_json(command: Command) -> Command:
    """Adds --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")(command)


def terms(command: Command) -> Command:
    """Adds what an order is about, from which the command gets its `terms`, as the wire names them."""

    @click.argument("token_in", callback=_token)
    @click.argument("token_out", callback=_token)
    @click.argument("amount", type=NUMBER)
    @click.option(
        "--slippage-bps",
        type=SLIPPAGE,
        help="How much less than quoted is accepted, in 1/100 of a per cent; auto leaves it to the engine.",
    )
    @click.option(
        "--max-price-impact-bps", type=int, help="How far it may move the price, in 1/100 of a per cent."
    )
    @click.option(
        "--minimum-out",
        "--floor",
        "minimum_out",
        type=NUMBER,
        metavar="AMOUNT",
        help="The least of TOKEN_OUT that is accepted, in tokens, whatever is quoted.",
    )
    @functools.wraps(command)
    def with_terms(
        *args: Any,
        token_in: str,
        token_out: str,
        amount: str,
        slippage_bps: int | str | None,
        max_price_impact_bps: int | None,
        minimum_out: str | None,
        **options: Any,
    ) -> Any:
        found = {
            "tokenIn": token_in,
            "tokenOut": token_out,
            "amount": amount,
            "slippageBps": slippage_bps,
            "maxPriceImpactBps": max_price_impact_bps,
            "minimumOut": minimum_out,
        }
        given = {name: value for name, value in found.items() if value is not None}
        return command(*args, terms=given, **options)

    return with_terms  # type: ignore[return-value]


def conditions(command: Command) -> Command:
    """Adds when an order is executed, to the `terms` that a command has from `terms`."""

    @click.option(
        "--limit", type=NUMBER, metavar="PRICE", help="Rest until it gets this price or more, in TOKEN_OUT."
    )
    @click.option(
        "--stop", type=NUMBER, metavar="PRICE", help="Rest until it gets this price or less, in TOKEN_OUT."
    )
    @click.option(
        "--snipe",
        type=NUMBER,
        metavar="PRICE",
        help="Rest until a pool of TOKEN_OUT, a new token's mint, opens, and each costs this much TOKEN_IN "
        "or less.",
    )
    @click.option(
        "--min-liquidity",
        type=NUMBER,
        metavar="AMOUNT",
        help="With --snipe: the least of TOKEN_IN that the pool must hold.",
    )
    @click.option(
        "--expires",
        type=EXPIRY,
        metavar="WHEN",
        help="Not to be begun after: 10m, 2h, 7d, or a time of RFC 3339.",
    )
    @functools.wraps(command)
    def with_conditions(
        *args: Any,
        terms: dict[str, Any],
        limit: str | None,
        stop: str | None,
        snipe: str | None,
        min_liquidity: str | None,
        expires: dict[str, Any] | None,
        **options: Any,
    ) -> Any:
        if sum(price is not None for price in (limit, stop, snipe)) > 1:
            raise click.UsageError("An order has a --limit, a --stop or a --snipe, not two of them.")
        if limit is not None:
            terms |= {"type": "limit", "limitPrice": limit}
        if stop is not None:
            terms |= {"type": "stop", "stopPrice": stop}
        if snipe is not None:
            terms |= {"type": "sniper", "maxPrice": snipe}
        if min_liquidity is not None:
            terms |= {"minLiquidity": min_liquidity}
        return command(*args, terms=terms | (expires or {}), **options)

    return with_conditions  # type: ignore[return-value]


def venues(command: Command) -> Command:
    """Adds where an order is executed, to the `terms` that a command has from `terms`."""

    @click.option(
        "--dex", "dexes", multiple=True, metavar="NAME", help="Trade at this venue only; may be given again."
    )
    @click.option(
        "--exclude-dex", "exclude_dexes", multiple=True, metavar="NAME", help="Don't trade at this venue."
    )
    @functools.wraps(command)
    def with_venues(
        *args: Any,
        terms: dict[str, Any],
        dexes: tuple[str, ...],
        exclude_dexes: tuple[str, ...],
        **options: Any,
    ) -> Any:
        found = {"dexes": [*dexes], "excludeDexes": [*exclude_dexes]}
        given = {name: names for name, names in found.items() if names}
        return command(*args, terms=terms | given, **options)

    return with_venues  # type: ignore[return-value]


def typed_again(terms: Mapping[str, Any]) -> list[str]:
    """The arguments and options from which `terms`, `conditions` and `venues` make these terms."""
    found = [str(terms[name]) for name in ("tokenIn", "tokenOut", "amount")]
    for name, option in _OPTIONS.items():
        given = terms.get(name, [])
        for value in given if isinstance(given, list) else [given]:
            found += [option, f"{Decimal(value) / 1000:f}s" if name == "expiresInMs" else str(value)]
    return found


_OPTIONS = {
    "slippageBps": "--slippage-bps",
    "maxPriceImpactBps": "--max-price-impact-bps",
    "minimumOut": "--minimum-out",
    "limitPrice": "--limit",
    "stopPrice": "--stop",
    "maxPrice": "--snipe",
    "minLiquidity": "--min-liquidity",
    "expiresAt": "--expires",
    "expiresInMs": "--expires",
    "dexes": "--dex",
    "excludeDexes": "--exclude-dex",
    "quoteId": "--quote",
}


def filters(types: Sequence[str]) -> Callable[[Command], Command]:
    """Adds which orders a list has, from which the command gets its `only`, as `EngineClient.orders` does."""

    def with_filters(command: Command) -> Command:
        @click.option(
            "--type",
            "types",
            multiple=True,
            type=click.Choice(types),
            help="Only those of this type; may be given again.",
        )
        @click.option("--sells", metavar="TOKEN", help="Only those that sell it.")
        @click.option("--buys", metavar="TOKEN", help="Only those that buy it.")
        @click.option(
            "--from", "since", type=PAST, metavar="WHEN", help="Only those submitted then or later."
        )
        @click.option("--to", "until", type=PAST, metavar="WHEN", help="Only those submitted before.")
        @functools.wraps(command)
        def filtered(
            *args: Any,
            types: tuple[str, ...],
            sells: str | None,
            buys: str | None,
            since: str | None,
            until: str | None,
            **options: Any,
        ) -> Any:
            only = {
                "type": types,
                "token_in": sells and symbol(sells),
                "token_out": buys and symbol(buys),
                "since": since,
                "until": until,
            }
            given = {name: value for name, value in only.items() if value}
            return command(*args, only=given, **options)

        return filtered  # type: ignore[return-value]

    return with_filters


class Past(click.ParamType[str]):
    """A time in the past: a while ago, or a time of RFC 3339."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """`2h` → the time two hours ago; a time goes to the engine as it is."""
        if found := _DURATION.fullmatch(value):
            ago = timedelta(milliseconds=float(Decimal(found[1]) * _UNITS_MS[found[2]]))
            try:
                return (datetime.now(UTC) - ago).isoformat()
            except OverflowError:
                pass
        elif _DATE.match(value):
            return value
        return self.fail(
            f"{value!r} is neither like 10m, 2h or 7d (ago) nor like 2026-01-31T12:00:00Z.", param, ctx
        )


PAST = Past()


def moment(when: str) -> datetime:
    """The time that `PAST` gives, in UTC. Raises BadParameter."""
    try:
        return datetime.fromisoformat(when).astimezone(UTC)
    except (ValueError, OverflowError):
        raise click.BadParameter(f"{when!r} is no time of RFC 3339.") from None


class Duration(click.ParamType[int]):
    """A length of time, as `90d`; in ms."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """`1h` → 3600000."""
        if not (found := _DURATION.fullmatch(value)):
            return self.fail(f"{value!r} is not like 30m, 12h or 90d.", param, ctx)
        return int(Decimal(found[1]) * _UNITS_MS[found[2]])


DURATION = Duration()


class Expiry(click.ParamType[dict[str, Any]]):
    """When an order expires: in a while, or at a time; as the wire's field."""

    name = "expiry"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """`10m` → `{"expiresInMs": 600000}`; a time goes to the engine as it is."""
        if found := _DURATION.fullmatch(value):
            in_ms = Decimal(found[1]) * _UNITS_MS[found[2]]
            if in_ms == int(in_ms):
                return {"expiresInMs": int(in_ms)}
        elif _DATE.match(value):
            return {"expiresAt": value}
        return self.fail(
            f"{value!r} is neither like 10m, 2h or 7d nor like 2026-01-31T12:00:00Z.", param, ctx
        )


EXPIRY = Expiry()
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)([smhd])", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-")
_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def _token(ctx: click.Context, param: click.Parameter, name: str) -> str:
    return symbol(name)


def symbol(name: str) -> str:
    """`sol` is SOL; a mint, or a symbol that is not all in small letters, goes to the engine as it is."""
    return name.upper() if name.islower() and len(name) <= LONGEST_SYMBOL else name


class Number(click.ParamType[str]):
    """A number as it was typed, which the engine judges."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The text, without the mark of `NegativeNumbers`."""
        return str(value).removeprefix(MARK)


class Slippage(click.ParamType[int | str]):
    """A whole number, or `auto`."""

    name = "bps|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """A number as such; `auto` as it is."""
        return value if value == AUTO_SLIPPAGE else click.INT.convert(value, param, ctx)


NUMBER = Number()
SLIPPAGE = Slippage()
MARK = "\0"
NEGATIVE = re.compile(r"-\.?[0-9]")


class NegativeNumbers(click.Command):
    """A command whose arguments may be negative numbers, which click takes for options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Mark them, except where an option takes them for its value."""
        takes_value = {
            name
            for param in self.params
            if isinstance(param, click.Option) and not param.is_flag
            for name in param.opts
        }
        marked = [
            MARK + arg if NEGATIVE.match(arg) and before not in takes_value else arg
            for before, arg in zip(["", *args], args, strict=False)
        ]
        return super().parse_args(ctx, marked)


def url_hint(url: str) -> str:
    """What to add to a command that is to find the engine at `url`."""
    return "" if url.rstrip("/") == DEFAULT_URL else f" --url {url}"
