"""`launch`, and snipers on the command line."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import Result

from tests.integration.local.cli.test_cli import Up, typed

POOL = ("--price", "0.001", "--liquidity", "100")
FIRED = ["open", "pending", "routing", "building", "submitted", "confirmed"]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    up = Up(
        tmp_path_factory.mktemp("launch") / "state",
        "--latency=0",
        RETRY_BASE_MS="0",
        SIM_SLOT_MS="20",
        TRIGGER_POLL_MS="50",
        SIM_LAUNCHES="PRESET price=2 liquidity=1000 against=USDC",
    )
    try:
        yield up
    finally:
        up.ends(signal.SIGTERM)
        up.leaves_nothing()


def run(engine: Up, *arguments: str) -> Result:
    return typed(*arguments, "--state", str(engine.state))


def answer(engine: Up, *arguments: str) -> Any:
    """What a command prints with --json."""
    done = run(engine, *arguments, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_a_token_is_launched_and_sniped_when_it_opens(engine: Up) -> None:
    mint = answer(engine, "launch", "AAA", *POOL, "--in", "2s")["mint"]
    done = run(engine, "submit", "SOL", mint, "0.5", "--snipe", "0.0011", "--watch", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["status"] for line in lines if "seq" in line] == FIRED
    assert done.exit_code == 0
    assert "AAA" in run(engine, "tokens").stdout
    refused = run(engine, "submit", "SOL", mint, "0.5", "--snipe", "0.0011")
    assert (refused.exit_code, "not traded yet" in refused.stderr) == (2, True)


def test_a_launch_says_its_mint_and_how_to_snipe_it_and_again_the_same(engine: Up) -> None:
    shown = [run(engine, "launch", "BBB", *POOL, "--in", "1h") for _ in range(2)]
    assert shown[0].stdout == shown[1].stdout
    first, _, snipe = shown[0].stdout.splitlines()
    mint = first.split()[-1]
    assert f"submit SOL {mint} 1 --snipe 0.001" in snipe
    other = run(engine, "launch", "BBB", "--price", "1", "--liquidity", "100")
    assert (other.exit_code, "already" in other.stderr) == (2, True)


@pytest.mark.parametrize(
    "wrong",
    [
        ("USDC", *POOL),
        ("C C", *POOL),
        ("CCC", "--price", "0", "--liquidity", "1"),
        ("CCC", "--price", "x", "--liquidity", "1"),
        ("CCC", *POOL, "--in", "soon"),
        ("CCC", *POOL, "--mint", "CCC"),
        ("CCC", *POOL, "--decimals", "19"),
    ],
)
def test_a_launch_that_cannot_be_is_refused(engine: Up, wrong: tuple[str, ...]) -> None:
    assert run(engine, "launch", *wrong).exit_code == 2


def test_a_sniper_that_rests_is_listed_with_what_it_asks(engine: Up) -> None:
    mint = answer(engine, "launch", "DDD", *POOL, "--in", "1h")["mint"]
    short = f"{mint[:4]}…{mint[-4:]}"
    done = run(engine, "submit", "SOL", mint, "1", "--snipe", "0.002", "--min-liquidity", "50")
    assert f"≤ 0.002 SOL per {short}" in done.stdout
    [order] = [one for one in answer(engine, "open") if one["tokenOut"] == mint]
    assert (order["maxPrice"], order["minLiquidity"], order["priceNow"]) == ("0.002", "50", None)
    for part in ("sniper", f"SOL → {short}", "≤ 0.002", "no quote"):
        assert part in run(engine, "open").stdout
    cancelled = answer(engine, "cancel", "--all", "--pair", f"SOL/{mint}", "--type", "sniper")
    assert [one["orderId"] for one in cancelled] == [order["orderId"]]


def test_an_order_has_one_price(engine: Up) -> None:
    done = run(engine, "submit", "SOL", "USDC", "1", "--limit", "1", "--snipe", "1")
    assert (done.exit_code, "not two" in done.stderr) == (2, True)


def test_the_launches_of_the_setting_are_there(engine: Up) -> None:
    [preset] = [token for token in answer(engine, "tokens") if token["symbol"] == "PRESET"]
    assert answer(engine, "quote", "USDC", preset["mint"], "1")["chosen"] == "raydium"
