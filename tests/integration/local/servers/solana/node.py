"""A running node as its clients see it: the JSON-RPC, the maker, the faults."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
from chalicelib.domain.tokens import find_token
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from local.servers.solana import Solana
from local.servers.solana.tokens import ata
from tests.fakes import eventually
from tests.unit.local.servers.solana.chain import signed_by

PROCESSED = {"commitment": "processed"}
BASE64 = {"encoding": "base64", "preflightCommitment": "processed"}


class RpcFailure(Exception):
    """The error of a call."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.code = error["code"]
        self.data: Any = error.get("data")


class Node:
    """A client of `server`, and its wallet's key."""

    def __init__(self, server: Solana, timeout: float = 10) -> None:
        self.server = server
        self.http = httpx.Client(base_url=server.url, timeout=timeout)
        self.wallet = Keypair.from_bytes(bytes(json.loads(server.wallet.read_text())))
        self.address = str(self.wallet.pubkey())

    def call(self, method: str, *params: Any) -> Any:
        """The result of a call. Raises RpcFailure."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = self.http.post("/", json=body).raise_for_status().json()
        if "error" in answer:
            raise RpcFailure(answer["error"])
        return answer["result"]

    def value(self, method: str, *params: Any) -> Any:
        """The value of a result that has a context."""
        return self.call(method, *params)["value"]

    def order(self, sold: str, bought: str, amount: int, **more: Any) -> Any:
        """The maker's answer to an order of the wallet."""
        return self.ask(sold, bought, amount, **{"taker": self.address} | more).json()

    def ask(self, sold: str, bought: str, amount: int, **more: Any) -> httpx.Response:
        """The maker's response."""
        pair: dict[str, Any] = {"inputMint": mint(sold), "outputMint": mint(bought), "amount": amount}
        return self.http.get("/swap/v2/order", params=pair | more)

    def swap(self, *order: Any, **more: Any) -> VersionedTransaction:
        """A swap that is ready to be sent."""
        return signed_by(self.wallet, base64.b64decode(self.order(*order, **more)["transaction"]))

    def send(self, transaction: VersionedTransaction, **options: Any) -> str:
        """Send a transaction; its signature."""
        return str(self.call("sendTransaction", encoded(transaction), BASE64 | options))

    def status(self, signature: str) -> Any:
        """The status of a signature, None while there is none."""
        return self.value("getSignatureStatuses", [signature], {"searchTransactionHistory": True})[0]

    async def landed(self, signature: str) -> Any:
        """The transaction, once a confirmed block has it."""
        await eventually(lambda: (self.status(signature) or {}).get("confirmationStatus") in CONFIRMED)
        options = {"commitment": "confirmed", "maxSupportedTransactionVersion": 0}
        return self.call("getTransaction", signature, options)

    def tokens(self, symbol: str) -> int | None:
        """Base units that the wallet holds of a token, None without an account."""
        try:
            found = self.value("getTokenAccountBalance", self.account(symbol), PROCESSED)
        except RpcFailure:
            return None
        return int(found["amount"])

    def account(self, symbol: str) -> str:
        """The wallet's token account."""
        return str(ata(self.wallet.pubkey(), Pubkey.from_string(mint(symbol))))

    def faults(self, text: str) -> httpx.Response:
        """Replace the rules of faults."""
        return self.http.post("/faults", json={"faults": text})


CONFIRMED = ("confirmed", "finalized")


def mint(symbol: str) -> str:
    found = find_token(symbol)
    return found.mint if found else symbol


def encoded(transaction: VersionedTransaction) -> str:
    return base64.b64encode(bytes(transaction)).decode()
