from __future__ import annotations

import asyncio
from collections import Counter
from random import Random

import pytest
from chalicelib.config import ConfigError
from chalicelib.domain.errors import QuoteTimeout, VenueUnavailable
from chalicelib.simulation.fault_rules import Kind, Rule, parse
from chalicelib.simulation.faults import Faults
from chalicelib.simulation.market import Market
from chalicelib.simulation.raydium import Raydium
from chalicelib.simulation.venue import SimulatedVenue

from tests.samples import COPE, SOL, USDC


class Counts:
    """Counts as the table does, and records its calls."""

    def __init__(self) -> None:
        self.met: Counter[tuple[str, str]] = Counter()
        self.last: dict[tuple[str, str], str | None] = {}

    async def __call__(self, rule: str, subject: str, occasion: str | None) -> int:
        key = rule, subject
        if occasion is None or self.last.get(key) != occasion:
            self.met[key] += 1
        self.last[key] = occasion
        return self.met[key]


def faults(text: str, counts: Counts | None = None) -> Faults:
    return Faults(parse(text), counts or Counts(), Random(1))


def venue(text: str, *, latency: float = 0, counts: Counts | None = None) -> SimulatedVenue:
    market = Market("solana")
    return SimulatedVenue(
        Raydium(market),
        market,
        clock=lambda: 1_750_000_000.0,
        faults=faults(text, counts),
        latency=latency,
        random=Random(1),
    )


def test_rules_are_read_in_their_order() -> None:
    text = "quote-timeout venue=raydium token=COPE times=2;  send-dropped   rate=0.1 ; slippage;"
    assert parse(text) == (
        Rule("quote-timeout venue=raydium token=COPE times=2", Kind.QUOTE_TIMEOUT, "raydium", COPE, 2),
        Rule("send-dropped rate=0.1", Kind.SEND_DROPPED, rate=0.1),
        Rule("slippage", Kind.SLIPPAGE),
    )


@pytest.mark.parametrize("text", ["", "  ", ";", " ; ;"])
def test_an_empty_text_has_no_rules(text: str) -> None:
    assert parse(text) == ()


def test_a_token_may_be_named_by_its_mint() -> None:
    assert parse(f"slippage token={COPE.mint}")[0].token == COPE


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("earthquake", "'earthquake' is not a fault"),
        ("times=2 slippage", "'times=2' is not a fault"),  # the kind comes first
        ("slippage often", "'often' is not an option"),
        ("slippage pool=raydium", "'pool=raydium' is not an option"),
        ("slippage venue=lifinity", "'lifinity' is not a venue"),
        ("slippage token=DOGE", "'DOGE' is not a token"),
        ("slippage times=0", "'0' is not a times"),
        ("slippage times=two", "'two' is not a times"),
        ("slippage times", "'' is not a times"),
        ("slippage rate=1.5", "'1.5' is not a rate"),
        ("slippage rate=nan", "'nan' is not a rate"),
        ("slippage times=1 times=2", "'times' stands there twice"),
    ],
)
def test_an_invalid_rule_is_named_with_the_allowed_ones(text: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(f"quote-error; {text}")
    message = str(caught.value)
    assert message.startswith(f"SIM_FAULTS: in the rule `{text}`, {reason}.")
    assert "quote-timeout, quote-error, send-dropped, reply-lost, slippage" in message
    assert "raydium, meteora" in message


async def test_a_rule_without_times_or_rate_always_applies() -> None:
    always = faults("slippage")
    assert all([await always.strike(Kind.SLIPPAGE, "raydium", SOL, USDC, "order") for _ in range(5)])


async def test_a_rule_applies_to_its_own_kind_venue_and_token_only() -> None:
    narrow = faults("quote-error venue=meteora token=COPE")
    assert await narrow.strike(Kind.QUOTE_ERROR, "meteora", COPE, USDC, "a")
    assert await narrow.strike(Kind.QUOTE_ERROR, "meteora", USDC, COPE, "a")
    assert not await narrow.strike(Kind.QUOTE_ERROR, "meteora", SOL, USDC, "a")
    assert not await narrow.strike(Kind.QUOTE_ERROR, "raydium", COPE, USDC, "a")
    assert not await narrow.strike(Kind.QUOTE_TIMEOUT, "meteora", COPE, USDC, "a")


async def test_times_counts_for_each_subject() -> None:
    twice = faults("send-dropped times=2")
    struck = [await twice.strike(Kind.SEND_DROPPED, "raydium", SOL, USDC, s) for s in "aabaab"]
    assert struck == [True, True, True, False, False, True]


async def test_a_repeated_occasion_is_counted_once() -> None:
    once = faults("slippage times=1")
    struck = [await once.strike(Kind.SLIPPAGE, "raydium", SOL, USDC, "order", sent) for sent in "aab"]
    assert struck == [True, True, False]


async def test_a_rate_applies_about_as_often_as_set_and_the_same_for_the_same_seed() -> None:
    async def run() -> list[bool]:
        some = faults("reply-lost rate=0.25")
        return [await some.strike(Kind.REPLY_LOST, "raydium", SOL, USDC, "x") for _ in range(1000)]

    first = await run()
    assert 200 < sum(first) < 300
    assert await run() == first


@pytest.mark.parametrize("text", ["", "slippage", "slippage rate=0.5", "quote-error times=3"])
async def test_nothing_is_counted_without_a_rule_with_times(text: str) -> None:
    counts = Counts()
    await faults(text, counts).strike(Kind.SLIPPAGE, "raydium", SOL, USDC, "x")
    assert not counts.met


async def test_a_venue_that_times_out_twice_answers_the_third_time() -> None:
    raydium = venue("quote-timeout times=2")
    for _ in range(2):
        with pytest.raises(QuoteTimeout):
            await raydium.quote(SOL, USDC, 10**9)
    assert (await raydium.quote(SOL, USDC, 10**9)).amount_out > 0


async def test_processes_that_share_their_counts_share_the_times() -> None:
    counts = Counts()
    for raydium in (venue("quote-error times=2", counts=counts), venue("quote-error times=2", counts=counts)):
        with pytest.raises(VenueUnavailable):
            await raydium.quote(SOL, USDC, 10**9)
    assert (await venue("quote-error times=2", counts=counts).quote(SOL, USDC, 10**9)).amount_out > 0


async def waits(monkeypatch: pytest.MonkeyPatch, raydium: SimulatedVenue) -> list[float]:
    """The sleeps of 20 quotes."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    for _ in range(20):
        await raydium.quote(SOL, USDC, 10**9)
    return slept


async def test_a_quote_takes_200_to_300_ms(monkeypatch: pytest.MonkeyPatch) -> None:
    slept = await waits(monkeypatch, venue("", latency=1))
    assert len(slept) == 20
    assert 0.2 <= min(slept) < max(slept) <= 0.3


async def test_latency_is_scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    slept = await waits(monkeypatch, venue("", latency=0.1))
    assert 0.02 <= min(slept) < max(slept) <= 0.03


async def test_without_latency_nothing_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await waits(monkeypatch, venue("", latency=0)) == []


async def test_a_swap_is_built_from_its_quote() -> None:
    raydium = venue("")
    quote = await raydium.quote(SOL, USDC, 10**9)
    swap = await raydium.build(quote, 42, "memo")
    assert (swap.venue, swap.token_in, swap.token_out) == ("raydium", SOL, USDC)
    assert (swap.amount_in, swap.minimum_out) == (10**9, 42)
