"""The JSON-RPC of a running node: each method's answer, and the errors as a node writes them."""

from __future__ import annotations

import base64
from typing import Any

import base58
import httpx
import pytest
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import Message, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.system_program import transfer
from solders.transaction import VersionedTransaction

from local.servers.solana.app import MOST_BYTES
from local.servers.solana.genesis import derived_key
from tests.fakes import eventually
from tests.integration.local.servers.solana.node import BASE64, PROCESSED, Node, RpcFailure, encoded, mint
from tests.unit.local.servers.solana.chain import forged

SOL = 10**9
TOKEN_PROGRAM = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
CONFIRMED = {"commitment": "confirmed"}


def test_the_node_says_what_it_is(node: Node) -> None:
    assert node.call("getHealth") == "ok"
    assert node.call("getVersion")["solana-core"]
    assert len(base58.b58decode(node.call("getGenesisHash"))) == 32
    assert node.http.get("/health").json() == {"service": "solana", "pid": node.server.pid}


def test_a_commitment_is_a_number_of_slots_behind(node: Node) -> None:
    for method in ("getSlot", "getBlockHeight"):
        slots = [
            node.call(method, {"commitment": level}) for level in ("finalized", "confirmed", "processed")
        ]
        assert slots == sorted(slots)
        assert slots[2] - slots[0] >= 32
    info = node.call("getEpochInfo", PROCESSED)
    assert (
        info["absoluteSlot"]
        == info["blockHeight"]
        == info["epoch"] * info["slotsInEpoch"] + info["slotIndex"]
    )


def test_the_latest_blockhash_is_valid_for_150_blocks(node: Node) -> None:
    found = node.call("getLatestBlockhash", PROCESSED)
    blockhash = found["value"]["blockhash"]
    assert found["value"]["lastValidBlockHeight"] == found["context"]["slot"] + 150
    assert node.value("isBlockhashValid", blockhash, PROCESSED) is True
    assert node.value("isBlockhashValid", blockhash) is False  # no finalized block has it yet
    assert node.value("isBlockhashValid", str(Hash.new_unique()), PROCESSED) is False


def test_a_fee_is_told_while_the_blockhash_is_valid(node: Node) -> None:
    transaction = node.swap("SOL", "USDC", SOL)
    message = base64.b64encode(to_bytes_versioned(transaction.message)).decode()
    assert node.value("getFeeForMessage", message, PROCESSED) == 20_000
    stale = Message.new_with_blockhash([], node.wallet.pubkey(), Hash.new_unique())
    raw = base64.b64encode(bytes(stale)).decode()
    assert node.value("getFeeForMessage", raw, PROCESSED) is None


def test_accounts_are_read_in_each_encoding(node: Node) -> None:
    wallet = node.value("getAccountInfo", node.address, PROCESSED)
    assert wallet["lamports"] == node.value("getBalance", node.address, PROCESSED)
    assert (wallet["owner"], wallet["space"], wallet["data"]) == (str(Pubkey.default()), 0, "")
    address = mint("USDC")
    parsed = node.value("getAccountInfo", address, PROCESSED | {"encoding": "jsonParsed"})["data"]
    assert parsed["parsed"]["info"]["decimals"] == 6
    raw, encoding = node.value("getAccountInfo", address, {"encoding": "base64"})["data"]
    assert (len(base64.b64decode(raw)), encoding) == (82, "base64")
    sliced = {"encoding": "base58", "dataSlice": {"offset": 44, "length": 1}}
    assert base58.b58decode(node.value("getAccountInfo", address, sliced)["data"][0]) == b"\x06"
    nothing = str(Pubkey.new_unique())
    assert node.value("getAccountInfo", nothing) is None
    assert node.value("getBalance", nothing) == 0
    both = node.value("getMultipleAccounts", [nothing, node.address], PROCESSED | {"encoding": "base64"})
    assert (both[0], both[1]["lamports"]) == (None, wallet["lamports"])
    with pytest.raises(RpcFailure, match="use Base64 encoding") as failure:
        node.call("getAccountInfo", node.account("USDC"), PROCESSED | {"encoding": "base58"})
    assert failure.value.code == -32600


def test_token_accounts_are_found_by_owner_mint_and_program(node: Node) -> None:
    options = PROCESSED | {"encoding": "jsonParsed"}
    (found,) = node.value("getTokenAccountsByOwner", node.address, {"mint": mint("COPE")}, options)
    assert found["pubkey"] == node.account("COPE")
    info = found["account"]["data"]["parsed"]["info"]
    assert (info["owner"], info["mint"], info["state"]) == (node.address, mint("COPE"), "initialized")
    balance = node.value("getTokenAccountBalance", node.account("COPE"), PROCESSED)
    assert info["tokenAmount"] == balance
    assert balance == {
        "amount": str(10**15),
        "decimals": 6,
        "uiAmount": 1e9,
        "uiAmountString": "1000000000",
    }
    every = node.value("getTokenAccountsByOwner", node.address, {"programId": TOKEN_PROGRAM}, options)
    held = {each["account"]["data"]["parsed"]["info"]["mint"] for each in every}
    assert {mint("SOL"), mint("USDC"), mint("BONK")} <= held
    assert int(node.value("getTokenSupply", mint("COPE"))["amount"]) == 4 * 10**18 + 10**15


def test_rent_is_that_of_solana(node: Node) -> None:
    assert node.call("getMinimumBalanceForRentExemption", 165) == 2_039_280
    with pytest.raises(RpcFailure) as failure:
        node.call("getMinimumBalanceForRentExemption", 2**40)
    assert failure.value.code == -32600


async def test_a_transaction_is_sent_lands_and_is_finalized(node: Node) -> None:
    transaction = node.swap("SOL", "USDC", SOL, memo="lands")
    signature = node.send(transaction)
    assert signature == str(transaction.signatures[0])
    landed = await node.landed(signature)
    assert landed["transaction"]["signatures"] == [str(each) for each in transaction.signatures]
    assert landed["meta"]["err"] is None
    assert landed["meta"]["fee"] == 20_000
    assert landed["version"] == 0
    status = node.status(signature)
    assert (status["slot"], status["err"], status["status"]) == (landed["slot"], None, {"Ok": None})
    assert status["confirmations"] is None or status["confirmations"] >= 1
    await eventually(lambda: node.status(signature)["confirmationStatus"] == "finalized")
    assert node.status(signature)["confirmations"] is None
    assert node.call("getTransaction", signature, {"maxSupportedTransactionVersion": 0}) == landed
    prices = node.call("getRecentPrioritizationFees", [node.address])
    assert {"slot": landed["slot"], "prioritizationFee": 200_000} in prices
    assert len(prices) == 150
    assert not any(
        each["prioritizationFee"]
        for each in node.call("getRecentPrioritizationFees", [str(Pubkey.new_unique())])
    )


async def test_a_landed_transaction_shows_what_each_account_had_before_and_after(node: Node) -> None:
    order = node.order("SOL", "USDC", SOL, memo="balances")
    landed = await node.landed(node.send(node.swap("SOL", "USDC", SOL, memo="balances")))
    meta, keys = landed["meta"], landed["transaction"]["message"]["accountKeys"]
    assert meta["preBalances"][0] - meta["postBalances"][0] == meta["fee"]
    changes = {
        (each["mint"], keys[each["accountIndex"]]): int(each["uiTokenAmount"]["amount"])
        - int(before["uiTokenAmount"]["amount"])
        for before, each in zip(meta["preTokenBalances"], meta["postTokenBalances"], strict=True)
    }
    assert changes[mint("SOL"), node.account("SOL")] == -SOL
    assert changes[mint("USDC"), node.account("USDC")] > 0
    assert sum(changes.values()) == 0
    assert meta["computeUnitsConsumed"] < 50_000
    assert order["maker"] in keys


async def test_a_version_must_be_supported_by_the_client(node: Node) -> None:
    signature = node.send(node.swap("SOL", "USDC", SOL, memo="version"))
    await node.landed(signature)
    with pytest.raises(RpcFailure, match=r"Transaction version \(0\) is not supported") as failure:
        node.call("getTransaction", signature, CONFIRMED)
    assert failure.value.code == -32015
    raw = {"encoding": "base64", "maxSupportedTransactionVersion": 0} | CONFIRMED
    text, encoding = node.call("getTransaction", signature, raw)["transaction"]
    assert (str(VersionedTransaction.from_bytes(base64.b64decode(text)).signatures[0]), encoding) == (
        signature,
        "base64",
    )
    with pytest.raises(RpcFailure, match="below `confirmed`"):
        node.call("getTransaction", signature, PROCESSED)


async def test_a_legacy_transaction_lands(node: Node) -> None:
    blockhash = Hash.from_string(node.value("getLatestBlockhash", PROCESSED)["blockhash"])
    terms = {"from_pubkey": node.wallet.pubkey(), "to_pubkey": Pubkey.new_unique(), "lamports": SOL}
    message = Message.new_with_blockhash([transfer(terms)], node.wallet.pubkey(), blockhash)
    transaction = VersionedTransaction(message, [node.wallet])
    text = base58.b58encode(bytes(transaction)).decode()
    signature = node.call("sendTransaction", text, {"preflightCommitment": "processed"})
    assert (await node.landed(signature))["version"] == "legacy"
    assert "version" not in node.call("getTransaction", signature, CONFIRMED)
    assert node.value("getBalance", str(terms["to_pubkey"]), PROCESSED) == SOL


async def test_a_transaction_that_has_landed_fails_its_preflight(node: Node) -> None:
    transaction = node.swap("SOL", "USDC", SOL, memo="again")
    signature = node.send(transaction)
    assert node.send(transaction) == signature  # still pending
    await node.landed(signature)
    with pytest.raises(RpcFailure) as failure:
        node.send(transaction)
    assert str(failure.value) == "Transaction simulation failed: This transaction has already been processed"
    assert (failure.value.code, failure.value.data["err"]) == (-32002, "AlreadyProcessed")
    assert node.send(transaction, skipPreflight=True) == signature
    (found,) = [
        each
        for each in node.call("getSignaturesForAddress", node.address, CONFIRMED)
        if each["memo"] == "[5] again"
    ]
    assert found["signature"] == signature


async def test_signatures_are_listed_newest_first_in_pages(node: Node) -> None:
    sent = [node.send(node.swap("RAY", "FIDA", 10**6, memo=f"page {number}")) for number in range(3)]
    for signature in sent:
        await node.landed(signature)
    address, one, three = node.account("FIDA"), sent[0], sent[2]

    def listed(**options: object) -> list[str]:
        found = node.call("getSignaturesForAddress", address, CONFIRMED | options)
        return [each["signature"] for each in found]

    assert listed(limit=3) == sent[::-1]
    assert listed(limit=1, before=three) == [sent[1]]
    assert listed(until=one) == [three, sent[1]]
    with pytest.raises(RpcFailure, match="Invalid limit"):
        listed(limit=1001)


def test_a_wrong_signature_is_refused_by_the_preflight_alone(node: Node) -> None:
    transaction = forged(node.swap("SOL", "USDC", SOL, memo="forged"))
    with pytest.raises(RpcFailure, match="signature verification failure") as failure:
        node.send(transaction)
    assert failure.value.code == -32003
    assert node.send(transaction, skipPreflight=True) == str(transaction.signatures[0])


def test_a_preflight_says_what_would_fail(node: Node) -> None:
    poor = Keypair()
    blockhash = Hash.from_string(node.value("getLatestBlockhash", PROCESSED)["blockhash"])
    terms = {"from_pubkey": node.wallet.pubkey(), "to_pubkey": poor.pubkey(), "lamports": 10**15}
    message = Message.new_with_blockhash([transfer(terms)], node.wallet.pubkey(), blockhash)
    with pytest.raises(
        RpcFailure, match="Error processing Instruction 0: custom program error: 0x1"
    ) as failure:
        node.send(VersionedTransaction(message, [node.wallet]))
    assert failure.value.data["err"] == {"InstructionError": [0, {"Custom": 1}]}
    assert "Transfer: insufficient lamports" in str(failure.value.data["logs"])
    terms = {"from_pubkey": poor.pubkey(), "to_pubkey": node.wallet.pubkey(), "lamports": 1}
    message = Message.new_with_blockhash([transfer(terms)], poor.pubkey(), blockhash)
    with pytest.raises(RpcFailure, match="found no record of a prior credit"):
        node.send(VersionedTransaction(message, [poor]))
    stale = Message.new_with_blockhash([transfer(terms)], poor.pubkey(), Hash.new_unique())
    with pytest.raises(RpcFailure, match="Blockhash not found"):
        node.send(VersionedTransaction(stale, [poor]))


def test_a_simulation_shows_accounts_as_they_would_be(node: Node) -> None:
    text, before = node.order("USDC", "SOL", 10**6)["transaction"], node.tokens("USDC")
    assert before is not None
    accounts = {"encoding": "jsonParsed", "addresses": [node.account("USDC"), node.address]}
    simulated = node.value("simulateTransaction", text, BASE64 | PROCESSED | {"accounts": accounts})
    assert simulated["err"] is None
    info = simulated["accounts"][0]["data"]["parsed"]["info"]
    assert int(info["tokenAmount"]["amount"]) == before - 10**6
    assert simulated["unitsConsumed"] > 0
    assert node.tokens("USDC") == before
    with pytest.raises(RpcFailure, match="signature verification failure"):  # the wallet has not signed it
        node.call("simulateTransaction", text, BASE64 | PROCESSED | {"sigVerify": True})
    with pytest.raises(RpcFailure, match="Too many accounts provided"):
        many = {"addresses": [node.address] * 50}
        node.call("simulateTransaction", text, BASE64 | PROCESSED | {"accounts": many})


def test_a_simulation_can_replace_the_blockhash(node: Node) -> None:
    terms = {"from_pubkey": node.wallet.pubkey(), "to_pubkey": Pubkey.new_unique(), "lamports": SOL}
    message = Message.new_with_blockhash([transfer(terms)], node.wallet.pubkey(), Hash.new_unique())
    text = encoded(VersionedTransaction(message, [node.wallet]))
    assert node.value("simulateTransaction", text, BASE64 | PROCESSED)["err"] == "BlockhashNotFound"
    replacing = BASE64 | PROCESSED | {"replaceRecentBlockhash": True}
    simulated = node.value("simulateTransaction", text, replacing)
    assert simulated["err"] is None
    assert node.value("isBlockhashValid", simulated["replacementBlockhash"]["blockhash"], PROCESSED)
    with pytest.raises(RpcFailure, match="may not be used with"):
        node.call("simulateTransaction", text, replacing | {"sigVerify": True})


async def test_an_airdrop_lands(node: Node) -> None:
    address = str(Pubkey.new_unique())
    signatures = [node.call("requestAirdrop", address, SOL, PROCESSED) for _ in range(2)]
    for signature in signatures:
        await node.landed(signature)
    assert node.value("getBalance", address, PROCESSED) == 2 * SOL


def test_a_batch_of_calls_is_answered_in_its_order(node: Node) -> None:
    calls = [
        {"jsonrpc": "2.0", "id": number, "method": method}
        for number, method in enumerate(("getSlot", "nope"))
    ]
    notification = {"jsonrpc": "2.0", "method": "getSlot"}
    answers = node.http.post("/", json=[*calls, notification, 7]).json()
    assert [answer["id"] for answer in answers] == [0, 1, None]
    assert answers[0]["result"] > 0
    assert [answer["error"]["code"] for answer in answers[1:]] == [-32601, -32600]
    assert node.http.post("/", json=notification).content == b""
    assert node.http.post("/", json=[]).json()["error"]["code"] == -32600


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("getBalance", []),
        ("getBalance", [7]),
        ("getBalance", ["not base58 0OIl"]),
        ("getBalance", {"address": "named"}),
        ("getBalance", [str(Pubkey.default()), {"commitment": "soon"}]),
        ("getBalance", [str(Pubkey.default()), "confirmed"]),
        ("getAccountInfo", [mint("USDC"), {"encoding": "zip"}]),
        ("getAccountInfo", [mint("USDC"), {"encoding": "base64", "dataSlice": {"offset": -1, "length": 2}}]),
        ("getMultipleAccounts", [[str(Pubkey.default())] * 101]),
        ("getMultipleAccounts", [[1]]),
        ("getMinimumBalanceForRentExemption", [-1]),
        ("getMinimumBalanceForRentExemption", [True]),
        ("getTokenAccountBalance", [str(Pubkey.new_unique())]),
        ("getTokenAccountBalance", [mint("USDC")]),
        ("getTokenAccountsByOwner", [str(Pubkey.default()), {}]),
        ("getTokenAccountsByOwner", [str(Pubkey.default()), {"mint": 7}]),
        ("getTokenAccountsByOwner", [str(Pubkey.default()), {"mint": str(Pubkey.default())}]),
        ("getTokenAccountsByOwner", [str(Pubkey.default()), {"programId": str(Pubkey.default())}]),
        ("getSignatureStatuses", [[str(Signature.default())] * 257]),
        ("getSignatureStatuses", [["short"]]),
        ("getSignaturesForAddress", [str(Pubkey.default()), {"before": "short"}]),
        ("getSignaturesForAddress", [str(Pubkey.default()), {"limit": "many"}]),
        ("getRecentPrioritizationFees", [[str(Pubkey.default())] * 129]),
        ("isBlockhashValid", ["short"]),
        ("getFeeForMessage", ["AAAA"]),
        ("requestAirdrop", [str(Pubkey.default()), 2**64]),
        ("sendTransaction", ["!", {"encoding": "base64"}]),
        ("sendTransaction", ["AAAA", {"encoding": "base64"}]),
        ("sendTransaction", ["A" * 1648, {"encoding": "base64"}]),
        ("sendTransaction", ["1" * 1684]),
        ("sendTransaction", ["AAAA", {"encoding": "hex"}]),
        ("sendTransaction", ["AAAA", {"encoding": "base64", "skipPreflight": "yes"}]),
        ("simulateTransaction", [base64.b64encode(b"\x01" + bytes(200)).decode(), {"encoding": "base64"}]),
    ],
)
def test_wrong_parameters_are_named_and_nothing_more(node: Node, method: str, params: Any) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    answer = node.http.post("/", json=body)
    assert answer.status_code == 200
    error = answer.json()["error"]
    assert error["code"] == -32602
    assert error["message"]


def test_a_slot_that_is_not_reached_yet_is_an_error(node: Node) -> None:
    with pytest.raises(RpcFailure) as failure:
        node.call("getBalance", node.address, {"minContextSlot": 2**50})
    assert failure.value.code == -32016
    assert failure.value.data["contextSlot"] > 0


def test_a_text_that_is_no_unicode_is_echoed(node: Node) -> None:
    call = b'{"jsonrpc": "2.0", "id": "\\ud800", "method": "getSlot", "params": [{"commitment": "\\ud800"}]}'
    answer = node.http.post("/", content=call, headers={"content-type": "application/json"})
    assert answer.json()["id"] == "\ud800"
    assert answer.json()["error"]["code"] == -32602


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 20_000, b"\xff"])
def test_a_body_that_is_not_json_is_a_parse_error(node: Node, content: bytes) -> None:
    answer = node.http.post("/", content=content, headers={"content-type": "application/json"})
    assert answer.json() == {
        "jsonrpc": "2.0",
        "error": {"code": -32700, "message": "Parse error"},
        "id": None,
    }


def test_a_body_that_is_too_long_or_no_json_by_its_type_is_refused(node: Node) -> None:
    assert node.http.post("/", json=" " * MOST_BYTES).status_code == 413
    assert node.http.post("/", content=b"{}", headers={"content-type": "text/plain"}).status_code == 415


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"}]
)
def test_a_request_of_a_web_page_is_refused(node: Node, headers: dict[str, str]) -> None:
    for send in (httpx.get, httpx.post):
        answer = send(f"{node.server.url}/faults", headers=headers)
        assert answer.status_code in (400, 403)
        assert "faults" not in answer.text


def test_the_wallets_key_is_for_its_user_alone(node: Node) -> None:
    assert node.server.wallet.stat().st_mode & 0o777 == 0o600
    assert node.wallet.pubkey() != derived_key("maker", "solana").pubkey()
