"""Each injected fault on a running node, and a node that is killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from local.errors import ServiceError
from local.servers.solana import Solana
from local.servers.solana.faults import LATE_S
from tests.integration.local.servers.solana.node import Node, RpcFailure

SOL = 10**9
SOON = httpx.Timeout(10, read=0.2)


def test_the_rules_in_force_are_shown_and_replaced(node: Node) -> None:
    assert node.faults("rpc-late rate=0; rate-limited method=getVersion").status_code == 200
    assert node.http.get("/faults").json() == {"faults": "rpc-late rate=0; rate-limited method=getVersion"}
    refused = node.faults("explode")
    assert refused.status_code == 400
    assert "explode" in refused.json()["error"]
    for wrong in (b"", b"[]", b'{"faults": 7}', b'{"fault": ""}'):
        assert node.http.post("/faults", content=wrong).status_code == 400
    assert node.http.get("/faults").json()["faults"].startswith("rpc-late")
    assert node.faults("").json() == {"faults": ""}


def test_rate_limited(node: Node) -> None:
    node.faults("rate-limited method=getSlot times=1; rate-limited method=order times=1")
    with pytest.raises(httpx.HTTPStatusError) as failure:
        node.call("getSlot")
    assert failure.value.response.status_code == 429
    assert failure.value.response.headers["retry-after"] == "1"
    assert node.call("getSlot") > 0
    assert [node.ask("SOL", "USDC", SOL).status_code for _ in range(2)] == [429, 200]


@pytest.mark.parametrize(
    ("rule", "ask"),
    [
        ("rpc-silent method=getSlot", lambda node: node.call("getSlot")),
        ("rpc-silent method=order", lambda node: node.order("SOL", "USDC", SOL)),
        ("quote-timeout token=USDC", lambda node: node.ask("SOL", "USDC", SOL)),
    ],
)
def test_a_silent_endpoint_keeps_the_connection_and_answers_nothing(
    running: Node, rule: str, ask: Callable[[Node], object]
) -> None:
    client = Node(running.server)
    client.http.timeout = SOON
    running.faults(rule)
    with pytest.raises(httpx.ReadTimeout):
        ask(client)
    running.faults("")
    assert ask(client)
    client.http.close()


async def test_a_late_answer_comes_after_its_work(node: Node) -> None:
    transaction = node.swap("SOL", "USDC", SOL, memo="late")
    node.faults("rpc-late method=sendTransaction times=1")
    assert SOON.read is not None
    assert SOON.read < LATE_S
    client = Node(node.server)
    client.http.timeout = SOON
    with pytest.raises(httpx.ReadTimeout):
        client.send(transaction)
    client.http.close()
    await node.landed(str(transaction.signatures[0]))


async def test_a_dropped_send_is_answered_and_never_lands(node: Node) -> None:
    dropped, other = node.swap("SOL", "USDC", SOL, memo="dropped"), node.swap("SOL", "RAY", SOL, memo="other")
    node.faults("send-dropped token=USDC times=1")
    assert node.send(dropped) == str(dropped.signatures[0])
    await node.landed(node.send(other))
    assert node.status(str(dropped.signatures[0])) is None
    await node.landed(node.send(dropped))


async def test_a_lost_reply_ends_the_connection_and_the_transaction_lands(node: Node) -> None:
    transaction = node.swap("SOL", "USDC", SOL, memo="lost")
    node.faults("reply-lost times=1")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        node.send(transaction)
    await node.landed(str(transaction.signatures[0]))


def test_a_quote_fails_or_is_withdrawn(node: Node) -> None:
    node.faults("quote-error token=USDC times=1; quote-withdrawn token=USDC times=1")
    assert node.ask("SOL", "USDC", SOL).status_code == 500
    assert node.ask("SOL", "USDC", SOL).status_code == 200
    withdrawn = node.ask("SOL", "USDC", SOL, taker=node.address, memo="withdrawn")
    assert (withdrawn.status_code, withdrawn.json()["error"]) == (400, "Failed to get quotes")
    assert node.order("SOL", "USDC", SOL, memo="withdrawn")["transaction"]


def test_an_expired_blockhash_is_not_found(node: Node) -> None:
    node.faults("blockhash-expired times=1")
    with pytest.raises(RpcFailure, match="Blockhash not found"):
        node.send(node.swap("SOL", "USDC", SOL, memo="expired"))
    assert node.send(node.swap("SOL", "USDC", SOL, memo="expired"))


async def test_slippage_fails_on_the_chain_and_moves_nothing(node: Node) -> None:
    node.faults("slippage times=1")
    swap, before = node.swap("SOL", "RAY", SOL, memo="slips"), node.tokens("RAY")
    landed = await node.landed(node.send(swap, skipPreflight=True))
    assert landed["meta"]["err"] == {"InstructionError": [5, {"Custom": 1}]}
    assert node.tokens("RAY") == before
    again = await node.landed(node.send(node.swap("SOL", "RAY", SOL, memo="slips")))
    assert again["meta"]["err"] is None


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Solana]:
    """A node of the test's own, which takes its time to land a transaction."""
    server = Solana(tmp_path / "solana", slot_ms=100, landing_ms=400)
    server.start()
    yield server
    server.stop()


async def test_a_transaction_lands_once_though_the_node_is_killed_before_it_does(other: Solana) -> None:
    node = Node(other)
    swap, before = node.swap("SOL", "USDC", SOL, memo="killed"), node.tokens("SOL")
    assert before is not None
    signature = node.send(swap)
    other.kill()
    other.start()
    assert node.send(swap, skipPreflight=True) == signature
    landed = await node.landed(signature)
    other.kill()
    other.start()
    options = {"commitment": "confirmed", "maxSupportedTransactionVersion": 0}
    assert node.call("getTransaction", signature, options) == landed
    with pytest.raises(RpcFailure, match="already been processed"):
        node.send(swap)
    assert node.tokens("SOL") == before - SOL
    found = node.call("getSignaturesForAddress", node.address, {"commitment": "confirmed"})
    assert [each["signature"] for each in found] == [signature]
    node.http.close()


def test_a_folder_in_use_or_of_other_slots_is_refused(running: Node, tmp_path: Path) -> None:
    in_use = Solana(running.server.folder)
    with pytest.raises(ServiceError, match="another process"):
        in_use.start()
    first = Solana(tmp_path / "solana")
    first.start()
    first.stop()
    with pytest.raises(ServiceError, match="slots of 400 ms"):
        Solana(tmp_path / "solana", slot_ms=100).start()
    with pytest.raises(ServiceError, match="explode"):
        Solana(tmp_path / "solana", faults="explode").start()
