"""What is typed becomes the wire's terms, and those become what is typed again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click
import pytest
from click.testing import CliRunner

from local.client.commands import options
from local.client.commands.resting import Pair

ARGUMENTS = ("SOL", "USDC", "1.5")
TERMS = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1.5"}


def parsed(*arguments: str) -> Any:
    """The terms that a submit gets, or the text of its refusal."""
    found: list[Any] = []

    @click.command(cls=options.NegativeNumbers)
    @options.terms
    @options.conditions
    @options.venues
    def submit(terms: dict[str, Any]) -> None:
        found.append(terms)

    result = CliRunner().invoke(submit, [*ARGUMENTS, *arguments])
    return found[0] if found else result.stderr


@pytest.mark.parametrize(
    ("typed", "terms"),
    [
        ((), {}),
        (("--limit", "160"), {"type": "limit", "limitPrice": "160"}),
        (("--stop", "140"), {"type": "stop", "stopPrice": "140"}),
        (("--limit", "-1"), {"type": "limit", "limitPrice": "-1"}),  # the engine judges
        (("--slippage-bps", "50"), {"slippageBps": 50}),
        (("--slippage-bps", "auto"), {"slippageBps": "auto"}),
        (("--floor", "205"), {"minimumOut": "205"}),
        (("--minimum-out", "205"), {"minimumOut": "205"}),
        (("--expires", "90s"), {"expiresInMs": 90_000}),
        (("--expires", "10m"), {"expiresInMs": 600_000}),
        (("--expires", "1.5h"), {"expiresInMs": 5_400_000}),
        (("--expires", "7d"), {"expiresInMs": 604_800_000}),
        (("--expires", "2026-01-31T12:00:00Z"), {"expiresAt": "2026-01-31T12:00:00Z"}),
        (("--dex", "raydium", "--dex", "meteora"), {"dexes": ["raydium", "meteora"]}),
        (("--exclude-dex", "raydium"), {"excludeDexes": ["raydium"]}),
    ],
)
def test_each_option_becomes_the_wires_field(typed: tuple[str, ...], terms: dict[str, object]):
    assert parsed(*typed) == TERMS | terms


@pytest.mark.parametrize("when", ["soon", "10", "10 m", "10w", "-10m", "", "0.00001s"])
def test_an_expiry_that_is_neither_a_duration_nor_a_time_is_refused(when: str):
    assert "10m, 2h or 7d" in parsed("--expires", when)


def filtered(*arguments: str) -> Any:
    """The filter that a list gets, or the text of its refusal."""
    found: list[Any] = []

    @click.command()
    @options.filters(["limit", "stop"])
    def listed(only: dict[str, Any]) -> None:
        found.append(only)

    result = CliRunner().invoke(listed, arguments)
    return found[0] if found else result.stderr


def test_a_list_is_filtered_by_type_tokens_and_time():
    assert filtered() == {}
    assert filtered("--type", "limit", "--sells", "sol", "--buys", "USDC") == {
        "type": ("limit",),
        "token_in": "SOL",
        "token_out": "USDC",
    }
    assert filtered("--from", "2026-01-31T12:00:00Z") == {"since": "2026-01-31T12:00:00Z"}
    before, until, after = datetime.now(UTC), filtered("--to", "2h")["until"], datetime.now(UTC)
    assert before <= datetime.fromisoformat(until) + timedelta(hours=2) <= after
    assert "2h or 7d (ago)" in filtered("--from", "yesterday")
    assert "2h or 7d (ago)" in filtered("--from", "999999999d")


def test_an_order_has_one_price():
    assert "not two" in parsed("--limit", "160", "--stop", "140")


@pytest.mark.parametrize(
    "typed",
    [
        (),
        ("--slippage-bps", "50", "--minimum-out", "205", "--limit", "160", "--expires", "2h"),
        ("--stop", "140", "--expires", "2026-01-31T12:00:00Z", "--dex", "a", "--dex", "b"),
        ("--expires", "0.001s", "--exclude-dex", "a"),
        ("--expires", "365d"),
    ],
)
def test_terms_are_typed_again_as_options_that_give_the_same_terms(typed: tuple[str, ...]):
    terms = parsed(*typed)
    assert parsed(*options.typed_again(terms)[len(ARGUMENTS) :]) == terms


def test_a_pair_is_what_is_sold_and_for_what():
    assert Pair().convert("sol/USDC", None, None) == ("SOL", "USDC")


@pytest.mark.parametrize("text", ["SOL", "SOL/", "/USDC"])
def test_a_pair_has_two_tokens(text: str):
    with pytest.raises(click.BadParameter, match="SOL/USDC"):
        Pair().convert(text, None, None)
