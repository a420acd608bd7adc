"""The answers are read by the parser of a client library, solders' own, field by field."""

from __future__ import annotations

from typing import Any

import pytest
from solders.pubkey import Pubkey
from solders.rpc import responses
from solders.rpc.errors import SendTransactionPreflightFailureMessage

from tests.integration.local.servers.solana.node import BASE64, PROCESSED, Node, encoded, mint

SOL = 10**9
PARSED = PROCESSED | {"encoding": "jsonParsed"}


def answer(node: Node, method: str, *params: Any) -> str:
    """The text of an answer."""
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return node.http.post("/", json=body).text


@pytest.mark.parametrize(
    ("method", "params", "response"),
    [
        ("getHealth", [], responses.GetHealthResp),
        ("getVersion", [], responses.GetVersionResp),
        ("getGenesisHash", [], responses.GetGenesisHashResp),
        ("getSlot", [], responses.GetSlotResp),
        ("getBlockHeight", [], responses.GetBlockHeightResp),
        ("getEpochInfo", [], responses.GetEpochInfoResp),
        ("getLatestBlockhash", [], responses.GetLatestBlockhashResp),
        ("isBlockhashValid", [str(Pubkey.new_unique())], responses.IsBlockhashValidResp),
        ("getMinimumBalanceForRentExemption", [165], responses.GetMinimumBalanceForRentExemptionResp),
        ("getBalance", [mint("USDC")], responses.GetBalanceResp),
        ("getAccountInfo", [mint("USDC"), {"encoding": "base64"}], responses.GetAccountInfoResp),
        ("getAccountInfo", [mint("USDC"), PARSED], responses.GetAccountInfoJsonParsedResp),
        ("getMultipleAccounts", [[mint("USDC")], {"encoding": "base64"}], responses.GetMultipleAccountsResp),
        ("getTokenSupply", [mint("USDC")], responses.GetTokenSupplyResp),
    ],
)
def test_a_client_reads_what_is_the_same_for_everyone(
    node: Node, method: str, params: list[Any], response: Any
) -> None:
    found = response.from_json(answer(node, method, *params))
    assert isinstance(found, response)


def test_a_client_reads_token_accounts(node: Node) -> None:
    of_mint = {"mint": mint("USDC")}
    for options, response in (
        (BASE64 | PROCESSED, responses.GetTokenAccountsByOwnerResp),
        (PARSED, responses.GetTokenAccountsByOwnerJsonParsedResp),
    ):
        found = response.from_json(answer(node, "getTokenAccountsByOwner", node.address, of_mint, options))
        assert str(found.value[0].pubkey) == node.account("USDC")
    balance = answer(node, "getTokenAccountBalance", node.account("USDC"), PROCESSED)
    assert responses.GetTokenAccountBalanceResp.from_json(balance).value.decimals == 6


def test_a_client_reads_a_compressed_account(node: Node) -> None:
    plain, compressed = (
        responses.GetAccountInfoResp.from_json(
            answer(node, "getAccountInfo", mint("USDC"), {"encoding": encoding})
        )
        for encoding in ("base64", "base64+zstd")
    )
    assert compressed.value == plain.value
    assert len(plain.value.data) == 82


async def test_a_client_follows_a_transaction(node: Node) -> None:
    swap = node.swap("SOL", "USDC", SOL, memo="client")
    simulated = answer(node, "simulateTransaction", encoded(swap), BASE64 | PROCESSED)
    assert responses.SimulateTransactionResp.from_json(simulated).value.err is None
    sent = responses.SendTransactionResp.from_json(answer(node, "sendTransaction", encoded(swap), BASE64))
    assert sent.value == swap.signatures[0]
    signature = str(sent.value)
    await node.landed(signature)
    statuses = responses.GetSignatureStatusesResp.from_json(answer(node, "getSignatureStatuses", [signature]))
    assert statuses.value[0].err is None
    for encoding in ("json", "base64"):
        options = {"commitment": "confirmed", "maxSupportedTransactionVersion": 0, "encoding": encoding}
        found = responses.GetTransactionResp.from_json(answer(node, "getTransaction", signature, options))
        meta = found.value.transaction.meta
        assert (meta.fee, meta.err) == (20_000, None)
        assert [balance.owner for balance in meta.post_token_balances].count(node.wallet.pubkey()) == 2
    text = answer(node, "getSignaturesForAddress", node.address, {"commitment": "confirmed"})
    listed = responses.GetSignaturesForAddressResp.from_json(text)
    assert sent.value in [each.signature for each in listed.value]
    again = answer(node, "sendTransaction", encoded(swap), BASE64)
    failure = responses.SendTransactionResp.from_json(again)
    assert isinstance(failure, SendTransactionPreflightFailureMessage)
    assert failure.data.err is not None
