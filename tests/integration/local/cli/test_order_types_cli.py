"""Orders that rest, on the command line: placed, listed, cancelled, waited for."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import Result

from tests.integration.local.cli.test_cli import LONGEST_S, Up, environment, typed

SELL = ("submit", "SOL", "USDC", "1.5")
NEVER_ABOVE, ALWAYS_BELOW = "1000000", "0.01"  # of any price of the simulated market
UNKNOWN_ID = "7f0c2f8e-6f1e-4a53-9d1b-0c5f0f6c2a11"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    up = Up(
        tmp_path_factory.mktemp("types") / "state",
        "--latency=0",
        RETRY_BASE_MS="0",
        SIM_SLOT_MS="20",
        TRIGGER_POLL_MS="50",
    )
    try:
        yield up
    finally:
        up.ends(signal.SIGTERM)
        up.leaves_nothing()


@pytest.fixture(autouse=True)
def nothing_rests(engine: Up) -> Iterator[None]:
    yield
    assert run(engine, "cancel", "--all").exit_code == 0


def run(engine: Up, *arguments: str) -> Result:
    return typed(*arguments, "--url", engine.url)


def answer(engine: Up, *arguments: str) -> Any:
    """What a command prints with --json."""
    done = run(engine, *arguments, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def rests(engine: Up, *options: str) -> str:
    """The id of an order that rests."""
    order = answer(engine, *SELL, *(options or ("--limit", NEVER_ABOVE)))
    assert order["status"] == "open"
    return str(order["orderId"])


def watched(engine: Up, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """Exit code and events of a command that watches; a submit's answer is left out."""
    done = run(engine, *arguments, "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return done.exit_code, [line for line in lines if "seq" in line]


def test_an_order_that_rests_says_what_it_waits_for_and_how_to_follow_and_cancel_it(engine: Up):
    done = run(engine, *SELL, "--limit", NEVER_ABOVE)
    assert done.exit_code == 0, done.stderr
    first, subscribe, cancel = done.stdout.splitlines()
    order_id = first.split()[1]
    assert "is open" in first and "≥ 1,000,000 USDC per SOL" in first
    assert f"./local/run watch {order_id} --url {engine.url}" in subscribe
    assert f"./local/run cancel {order_id} --url {engine.url}" in cancel


@pytest.mark.parametrize("price", [("--limit", ALWAYS_BELOW), ("--stop", NEVER_ABOVE)], ids=["limit", "stop"])
def test_an_order_whose_price_is_there_is_watched_from_its_rest_to_its_fill(
    engine: Up, price: tuple[str, ...]
):
    code, events = watched(engine, *SELL, *price, "--watch")
    steps = ["open", "pending", "routing", "building", "submitted", "confirmed"]
    assert [event["status"] for event in events] == steps
    assert "triggerPrice" in events[1]
    assert code == 0


def test_an_order_that_expires_is_watched_to_its_end_and_exits_1(engine: Up):
    code, events = watched(engine, *SELL, "--limit", NEVER_ABOVE, "--expires", "0.5s", "--watch")
    assert [event["status"] for event in events] == ["open", "expired"]
    assert code == 1


def test_an_order_that_is_cancelled_while_it_is_watched_exits_1(engine: Up):
    order_id = rests(engine)
    with subprocess.Popen(
        [sys.executable, "-m", "local", "watch", order_id, "--url", engine.url],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as watching:
        assert watching.stdout
        shown = [watching.stdout.readline(), watching.stdout.readline()]
        assert "open" in shown[1] and "waits for ≥ 1,000,000 USDC per SOL" in shown[1]
        assert run(engine, "cancel", order_id).exit_code == 0
        assert "cancelled" in watching.stdout.read()
        assert watching.wait(LONGEST_S) == 1


def test_ctrl_c_leaves_an_order_open_and_says_how_to_go_on(engine: Up):
    with subprocess.Popen(
        [sys.executable, "-m", "local", *SELL, "--limit", NEVER_ABOVE, "--watch", "--url", engine.url],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as watching:
        assert watching.stdout and watching.stderr
        order_id = watching.stdout.readline().split()[1]
        assert "open" in watching.stdout.readline()
        watching.send_signal(signal.SIGINT)
        said = watching.stderr.read()
        assert watching.wait(LONGEST_S) == 130
    assert "stays open" in said
    assert f"./local/run watch {order_id} --url {engine.url}" in said
    assert f"./local/run cancel {order_id} --url {engine.url}" in said
    assert [order["orderId"] for order in answer(engine, "open")] == [order_id]


def test_open_orders_are_listed_with_the_price_asked_the_price_now_and_how_far_it_is(engine: Up):
    stop = rests(engine, "--stop", ALWAYS_BELOW, "--dex", "raydium")
    limit = rests(engine, "--limit", NEVER_ABOVE, "--expires", "2h")
    listed = answer(engine, "open")
    assert [order["orderId"] for order in listed] == [limit, stop]
    assert listed[0]["awayBps"] > 0 > listed[1]["awayBps"]
    assert not listed[0]["isThere"] and not listed[1]["isThere"]
    shown = run(engine, "open").stdout
    assert [order["orderId"] for order in answer(engine, "open", "--type", "stop", "--from", "1h")] == [stop]
    assert answer(engine, "open", "--sells", "RAY") == answer(engine, "orders", "--to", "1h") == []
    for part in (limit, stop, "≥ 1,000,000", "≤ 0.01", "2 h", "never", "-99.99 %"):
        assert part in shown


def test_where_no_order_rests_open_says_how_to_place_one(engine: Up):
    assert answer(engine, "open") == []
    assert "submit SOL USDC 1.5 --limit" in run(engine, "open").stdout


def test_orders_are_cancelled_by_their_ids_once_and_again(engine: Up):
    orders = [rests(engine), rests(engine)]
    for _ in range(2):
        done = run(engine, "cancel", *orders)
        assert done.exit_code == 0
        assert done.stdout.splitlines() == [f"order {order} is cancelled" for order in orders]
    listed = answer(engine, "orders", "--status", "cancelled", "--status", "expired")
    assert {*orders} <= {order["orderId"] for order in listed}


def test_an_order_that_can_not_be_cancelled_exits_2_and_the_others_are(engine: Up):
    _, events = watched(engine, *SELL, "--watch")
    ended, resting = events[0]["orderId"], rests(engine)
    done = run(engine, "cancel", ended, UNKNOWN_ID, resting)
    assert done.exit_code == 2
    assert done.stdout == f"order {resting} is cancelled\n"
    assert [line.split(":")[1].strip() for line in done.stderr.splitlines()] == [ended, UNKNOWN_ID]
    results = json.loads(run(engine, "cancel", ended, resting, "--json").stdout)
    assert [(one["status"], one.get("code")) for one in results] == [
        ("confirmed", "NOT_CANCELLABLE"),
        ("cancelled", None),
    ]


def test_all_that_rest_are_cancelled_or_those_of_a_pair_or_type(engine: Up):
    limit, stop = rests(engine), rests(engine, "--stop", ALWAYS_BELOW)
    other = str(answer(engine, "submit", "USDC", "SOL", "10", "--limit", NEVER_ABOVE)["orderId"])
    assert "0 orders cancelled" in run(engine, "cancel", "--all", "--pair", "RAY/SOL").stdout
    found = answer(engine, "cancel", "--all", "--pair", "sol/usdc", "--type", "limit")
    assert found == [{"orderId": limit, "status": "cancelled"}]
    done = run(engine, "cancel", "--all")
    assert done.exit_code == 0
    assert stop in done.stdout and other in done.stdout and "2 orders cancelled" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("cancel",), "--all"),
        (("cancel", UNKNOWN_ID, "--all"), "--all"),
        (("cancel", UNKNOWN_ID, "--type", "stop"), "among --all"),
        (("cancel", "--all", "--pair", "SOL"), "SOL/USDC"),
        (("cancel", "--all", "--pair", "SOL/NOPE"), "no token"),
        (("cancel", "nonsense"), "UUID"),
        (("cancel", ""), "no order's id"),  # the path that cancels all
        ((*SELL, "--limit", "1", "--stop", "1"), "not two"),
        ((*SELL, "--limit", "0"), "greater than zero"),
        ((*SELL, "--expires", "soon"), "10m"),
        ((*SELL, "--expires", "2020-01-31T12:00:00Z"), "a year ahead"),
        ((*SELL, "--dex", "lifinity"), "Known: meteora, raydium"),
    ],
)
def test_what_is_not_done_exits_2_with_the_reason(engine: Up, arguments: tuple[str, ...], reason: str):
    done = run(engine, *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert reason in done.stderr.replace("raydium, meteora", "meteora, raydium")


def test_an_order_is_filled_only_where_it_may_trade(engine: Up):
    for options in (("--dex", "meteora"), ("--exclude-dex", "raydium", "--exclude-dex", "orca")):
        code, events = watched(engine, *SELL, *options, "--watch")
        assert code == 0
        assert events[-1]["dex"] == "meteora"


def test_tokens_are_listed(engine: Up):
    listed = answer(engine, "tokens")
    assert {"SOL", "USDC"} <= {token["symbol"] for token in listed}
    shown = run(engine, "tokens").stdout
    assert all(token["mint"] in shown for token in listed)


@pytest.mark.parametrize("command", ["open", "cancel", "tokens"])
def test_help_teaches_each_command_with_an_example(command: str):
    shown = typed(command, "--help").stdout
    assert f": ./local/run {command}" in shown
    assert f"./local/run {command}" in typed("--help").stdout
