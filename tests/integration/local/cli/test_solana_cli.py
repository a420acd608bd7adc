"""The commands of an engine on a Solana node: up, demo, devnet-check, halt, trace, doctor."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.integration.local.cli.test_cli import Up, local, processes_that_name, until

SOLANA = {"SIM_SLOT_MS": "20"}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    up = Up(tmp_path_factory.mktemp("solana") / "state", "--world=solana", "--latency=0", **SOLANA)
    try:
        yield up
    finally:
        assert up.ends(signal.SIGTERM) == 0
        up.leaves_nothing()


def of(engine: Up, *command: str) -> Any:
    """What a command of that engine prints as JSON."""
    done = local(*command, "--json", "--state", str(engine.state))
    return json.loads(done.stdout)


def placed(engine: Up) -> dict[str, Any]:
    """An order, once it has ended."""
    order_id = of(engine, "submit", "SOL", "USDC", "1.5")["orderId"]
    local("watch", order_id, "--state", str(engine.state))
    found: dict[str, Any] = httpx.get(f"{engine.url}/api/orders/{order_id}", trust_env=False).json()
    return found


def test_the_demo_settles_six_orders_on_the_chain_and_shows_their_transactions() -> None:
    done = local("demo", "--world", "solana", "--json", "--latency", "0", **SOLANA)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 of 6 orders confirmed" in done.stderr
    assert "the chain holds 6 landed swaps" in done.stderr
    for order in json.loads(done.stdout):
        confirmed = order["events"][-1]
        assert order["swaps"] == 1
        assert confirmed["txHash"] in done.stderr
        assert confirmed["fill"]["computeUnits"] > 0
        assert f"slot {confirmed['slot']}" in done.stderr


def test_the_check_of_a_cluster_goes_through_every_step_and_lands_a_swap(engine: Up) -> None:
    found = of(engine, "devnet-check", "--swap")
    assert {finding["verdict"] for finding in found} == {"ok"}
    assert [finding["what"] for finding in found][-3:] == ["transaction", "simulation", "swap"]


@pytest.mark.parametrize(
    ("settings", "what", "said"),
    [
        ({"SOLANA_RPC_URLS": "http://127.0.0.1:9"}, "node", "Connect call failed"),
        ({"SOLANA_CLUSTER": "devnet"}, "node", "SOLANA_CLUSTER is devnet"),
        ({"JUPITER_URL": "http://127.0.0.1:9"}, "quote raydium", "Jupiter does not answer"),
        ({"SOLANA_ORDER_CAPS": "SOL=0.001"}, "transaction", "ORDER_CAP_EXCEEDED"),
    ],
)
def test_the_check_of_a_cluster_ends_at_what_is_wrong(
    engine: Up, settings: dict[str, str], what: str, said: str
) -> None:
    chain = json.loads((engine.state / "endpoints.json").read_text())["chain"]
    done = local("devnet-check", "--json", **{**chain, **settings})
    last = json.loads(done.stdout)[-1]
    assert done.returncode == 1
    assert (last["what"], last["verdict"]) == (what, "wrong")
    assert said in last["said"]


def test_a_wrong_key_is_reported_without_it(engine: Up) -> None:
    chain = json.loads((engine.state / "endpoints.json").read_text())["chain"]
    done = local("devnet-check", **{**chain, "SOLANA_KEY_FILE": "", "SOLANA_KEY": "not-a-key"})
    assert done.returncode == 2
    assert "SOLANA_KEY holds no key" in done.stderr
    assert "not-a-key" not in done.stdout + done.stderr


def test_a_halt_stops_signing_until_it_is_taken_back(engine: Up) -> None:
    assert of(engine, "halt", "prices look wrong") == {"halted": True, "reason": "prices look wrong"}
    refused = placed(engine)
    assert (refused["status"], refused["code"]) == ("failed", "HALTED")
    assert "prices look wrong" in refused["error"]
    assert of(engine, "halt", "--off")["halted"] is False
    until(lambda: placed(engine)["status"] == "confirmed", "signing again, half a second later")


def test_the_trace_of_an_order_has_its_transaction_of_the_chain(engine: Up) -> None:
    order = placed(engine)
    entries = of(engine, "trace", order["orderId"])["entries"]
    [landed] = [entry for entry in entries if entry["source"] == "chain"]
    assert (landed["signature"], landed["slot"]) == (order["txHash"], order["events"][-1]["slot"])


def test_the_doctor_finds_nothing_wrong(engine: Up) -> None:
    assert {finding["verdict"] for finding in of(engine, "doctor")} <= {"ok", "note"}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"SOLANA_KEY": "nothing"}, "SOLANA_KEY holds no key"),
        ({"SOLANA_CLUSTER": "devnet"}, "SOLANA_CLUSTER is devnet"),
        ({"SOLANA_RPC_URLS": "{page}"}, "is no Solana RPC node"),
        ({"SOLANA_CLUSTER": "mainnet"}, "SOLANA_ALLOW_MAINNET=yes"),
        ({"SOLANA_ORDER_CAPS": "SOL"}, "is not TOKEN=AMOUNT"),
        ({"SOLANA_PROGRAMS": "raydium"}, "is no address of a program"),
    ],
)
def test_a_wrong_setting_ends_the_start(
    engine: Up, tmp_path: Path, settings: dict[str, str], said: str
) -> None:
    chain = json.loads((engine.state / "endpoints.json").read_text())["chain"]
    given = {name: value.format(page=f"{engine.url}/health") for name, value in settings.items()}
    if "SOLANA_KEY" in given:
        given["SOLANA_KEY_FILE"] = ""
    done = local("up", "--port=0", f"--state={tmp_path / 'state'}", **{**chain, **given})
    assert done.returncode == 2
    assert said in done.stderr


def test_a_world_that_there_is_not_is_refused_before_any_server_starts(tmp_path: Path) -> None:
    done = local("up", "--port=0", f"--state={tmp_path / 'state'}", WORLD="moon")
    assert done.returncode == 2
    assert "WORLD='moon' must be one of simulated, solana" in done.stderr
    assert not (tmp_path / "state").exists()


def test_the_doctor_names_a_node_that_is_away(tmp_path: Path) -> None:
    up = Up(tmp_path / "state", "--world=solana", "--latency=0", **SOLANA)
    try:
        chain = json.loads((up.state / "endpoints.json").read_text())["chain"]
        for pid in processes_that_name(f"{up.state}/solana"):  # the node, and what watches over it
            os.kill(pid, signal.SIGKILL)
        found = {finding["what"]: finding for finding in of(up, "doctor")}
        assert found["Solana node"]["verdict"] == "wrong"
        assert urlsplit(chain["SOLANA_RPC_URLS"]).netloc in found["Solana node"]["said"]
    finally:
        up.ends(signal.SIGTERM)
