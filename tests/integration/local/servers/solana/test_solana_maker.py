"""The maker of a running node: its quotes, the transactions that it builds, and what it refuses."""

from __future__ import annotations

import base64

import pytest
from solders.keypair import Keypair
from solders.transaction import VersionedTransaction

from local.servers.solana.genesis import MISSING
from tests.integration.local.servers.solana.node import Node, encoded, mint
from tests.unit.local.servers.solana.chain import signed_by

SOL = 10**9
COMPUTE_BUDGET = "ComputeBudget111111111111111111111111111111"
ATA_PROGRAM = "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL"
TOKEN_PROGRAM = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
MEMO_PROGRAM = "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr"


def test_a_quote_has_no_transaction(node: Node) -> None:
    answer = node.ask("SOL", "USDC", SOL, slippageBps=100)
    assert answer.status_code == 200
    quote = answer.json()
    assert (quote["inputMint"], quote["outputMint"], quote["inAmount"]) == (
        mint("SOL"),
        mint("USDC"),
        str(SOL),
    )
    assert int(quote["otherAmountThreshold"]) == int(quote["outAmount"]) * 99 // 100
    assert (quote["swapMode"], quote["slippageBps"], quote["transaction"]) == ("ExactIn", 100, None)
    assert quote["priceImpact"] <= 0
    (leg,) = quote["routePlan"]
    assert leg["swapInfo"]["outAmount"] == quote["outAmount"]
    assert int(quote["lastValidBlockHeight"]) > node.call("getBlockHeight")


def test_a_quote_comes_from_the_dexes_that_are_asked_for(node: Node) -> None:
    def label(**options: str) -> str:
        return str(node.ask("SOL", "USDC", SOL, **options).json()["routePlan"][0]["swapInfo"]["label"])

    for dex in ("Raydium", "Meteora DLMM", "Whirlpool"):
        assert label(dexes=dex) == dex
    assert label(excludeDexes="Raydium, Whirlpool") == "Meteora DLMM"
    assert label(dexes="Raydium,Whirlpool", excludeDexes="Raydium") == "Whirlpool"


def test_the_transaction_has_its_instructions_in_order(node: Node) -> None:
    order = node.order("SOL", "USDC", SOL, memo="an order", priorityFeeLamports=25_000, slippageBps=30)
    transaction = VersionedTransaction.from_bytes(base64.b64decode(order["transaction"]))
    message = transaction.message
    keys = [str(key) for key in message.account_keys]
    taker, maker = keys[:2]
    assert (taker, maker) == (node.address, order["maker"])
    assert transaction.version() == 0
    assert message.address_table_lookups == []
    assert transaction.verify_with_results() == [False, True]  # the taker has still to sign
    found = [(keys[each.program_id_index], bytes(each.data)) for each in message.instructions]
    amounts = [int(order[name]) for name in ("inAmount", "outAmount", "otherAmountThreshold")]
    assert found == [
        (COMPUTE_BUDGET, b"\x02" + (50_000).to_bytes(4, "little")),
        (COMPUTE_BUDGET, b"\x03" + (500_000).to_bytes(8, "little")),
        (ATA_PROGRAM, b"\x01"),
        (TOKEN_PROGRAM, b"\x0c" + amounts[0].to_bytes(8, "little") + b"\x09"),
        (TOKEN_PROGRAM, b"\x0c" + amounts[1].to_bytes(8, "little") + b"\x06"),
        (TOKEN_PROGRAM, b"\x0c" + amounts[2].to_bytes(8, "little") + b"\x06"),
        (MEMO_PROGRAM, b"an order"),
    ]
    named = [[keys[index] for index in each.accounts] for each in message.instructions]
    sold, bought = node.account("SOL"), node.account("USDC")
    assert named[2][:4] == [taker, bought, taker, mint("USDC")]
    assert (named[3][:2], named[3][3]) == ([sold, mint("SOL")], taker)
    assert named[4][1:] == [mint("USDC"), bought, maker]
    assert named[5] == [bought, mint("USDC"), bought, taker]
    assert (order["signatureFeeLamports"], order["prioritizationFeeLamports"]) == (10_000, 25_000)
    without = node.order("SOL", "USDC", SOL)["transaction"]
    assert len(VersionedTransaction.from_bytes(base64.b64decode(without)).message.instructions) == 6


async def test_the_longest_memo_fits(node: Node) -> None:
    landed = await node.landed(node.send(node.swap("BONK", "JTO", 10**5 * 10**6, memo="é" * 128)))
    assert landed["meta"]["err"] is None


async def test_the_missing_account_is_created_at_the_takers_cost(node: Node) -> None:
    assert node.tokens(MISSING) is None
    refused = node.order(MISSING, "USDC", 10**6)
    assert (refused["transaction"], refused["errorCode"]) == ("", 1)
    order = node.order("SOL", MISSING, SOL, memo="creates")
    assert order["rentFeeLamports"] == 2_039_280
    landed = await node.landed(node.send(signed_by(node.wallet, base64.b64decode(order["transaction"]))))
    meta = landed["meta"]
    assert meta["preBalances"][0] - meta["postBalances"][0] == 2_039_280 + 20_000
    assert node.tokens(MISSING) == int(order["outAmount"])
    assert node.order("SOL", MISSING, SOL)["rentFeeLamports"] == 0
    assert node.order(MISSING, "SOL", 10**6)["transaction"]


def test_a_taker_that_cannot_pay_gets_no_transaction(node: Node) -> None:
    much = node.order("COPE", "USDC", 10**15 + 1)
    assert (much["transaction"], much["errorCode"], much["errorMessage"]) == ("", 1, "Insufficient funds")
    stranger = node.order("SOL", "USDC", SOL, taker=str(Keypair().pubkey()))
    assert (stranger["transaction"], stranger["errorCode"]) == ("", 1)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"inputMint": "So11"}, "inputMint"),
        ({"outputMint": mint("SOL")}, "the same"),
        ({"amount": "0"}, "amount"),
        ({"amount": "1.5"}, "amount"),
        ({"amount": "-1"}, "amount"),
        ({"amount": "١"}, "amount"),
        ({"amount": str(2**64)}, "amount"),
        ({"amount": "9" * 5000}, "amount"),
        ({"slippageBps": "10001"}, "slippageBps"),
        ({"priorityFeeLamports": "x"}, "priorityFeeLamports"),
        ({"swapMode": "ExactOut"}, "ExactIn"),
        ({"taker": "nobody"}, "taker"),
        ({"dexes": "Orca"}, "Whirlpool"),
        ({"memo": ""}, "memo"),
        ({"memo": "x" * 257}, "memo"),
        ({"dexes": "Raydium", "excludeDexes": "Raydium"}, "Failed to get quotes"),
        ({"amount": "1"}, "Failed to get quotes"),
    ],
)
def test_a_wrong_order_is_refused_by_name(node: Node, options: dict[str, str], named: str) -> None:
    given = {"inputMint": mint("BONK"), "outputMint": mint("SOL"), "amount": "1000000"} | options
    if "outputMint" in options:
        given["inputMint"] = mint("SOL")
    answer = node.http.get("/swap/v2/order", params=given)
    assert answer.status_code == 400
    assert named in answer.json()["error"]
    assert answer.json()["requestId"]


async def test_a_swap_that_the_maker_did_not_sign_does_not_land(node: Node) -> None:
    swap = node.swap("SOL", "USDC", SOL, memo="changed")
    raw = bytearray(bytes(swap))
    at = raw.index(b"changed")
    raw[at : at + 7] = b"Changed"
    changed = signed_by(node.wallet, bytes(raw))
    signature = node.send(changed, skipPreflight=True)
    proof = node.send(node.swap("SOL", "USDC", SOL, memo="after it"))
    await node.landed(proof)
    assert node.status(signature) is None
    assert encoded(changed) != encoded(swap)
