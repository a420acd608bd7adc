"""The swaps that have landed on an engine's chain, by order: in `sim.swaps`, or on a Solana cluster."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import base58
import psycopg
from chalicelib.config import Config

from .world import wallet_address

COUNT_SWAPS = "SELECT memo, count(*) FROM sim.swaps GROUP BY memo"
ORDER_ID = re.compile(r"\[36\] ([0-9a-f-]{36})")
"""Of a memo as getSignaturesForAddress shows it: its length and its text."""
PAGE = 1000  # the most signatures that a node lists at a time
ANSWER_S = 10
PUBLIC = ("mainnet", "testnet", "devnet")


def count_swaps(config: Config) -> Counter[str]:
    """How many swaps of each order the chain holds, by order id. Raises OSError, psycopg.Error."""
    if config.world == "solana":
        url = first_node(config.solana_rpc_urls)
        return Counter(order_id for order_id, _ in landed(url, wallet_address(config)))
    with psycopg.connect(config.database_url, connect_timeout=5) as connection:
        return Counter(dict(connection.execute(COUNT_SWAPS).fetchall()))


def landed(url: str, wallet: str) -> Iterator[tuple[str, str]]:
    """`(order id, signature)` of each transaction of the wallet that a node lists as landed, newest first.

    Those that the chain executed and that failed are left out, and so are those without an order's id.
    """
    for entry in _listed(url, wallet):
        named = ORDER_ID.search(entry["memo"] or "")
        if entry["err"] is None and named:
            yield named[1], entry["signature"]


def signatures(url: str, wallet: str) -> list[str]:
    """Every transaction of the wallet that has landed, failed or not, newest first."""
    return [entry["signature"] for entry in _listed(url, wallet)]


def _listed(url: str, wallet: str) -> Iterator[dict[str, Any]]:
    before: str | None = None
    while True:
        options = {"limit": PAGE, "commitment": "confirmed"} | ({"before": before} if before else {})
        page = call(url, "getSignaturesForAddress", wallet, options)
        yield from page
        if len(page) < PAGE:
            return
        before = page[-1]["signature"]


def first_node(urls: str) -> str:
    """The first of the nodes that SOLANA_RPC_URLS names."""
    return urls.partition(",")[0].strip()


def call(url: str, method: str, *params: object) -> Any:
    """The result of a method of Solana's JSON-RPC. Raises OSError."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 - the engine's own setting
    try:
        with urlopen(request, timeout=ANSWER_S) as answer:  # noqa: S310
            reply = json.load(answer)
        if "error" in reply:
            raise OSError(f"{method}: {reply['error']['message']}")
        return reply["result"]
    except (ValueError, LookupError, TypeError) as error:
        raise OSError(f"{method}: what answers is no Solana RPC node") from error


def wallet_of(key_file: Path) -> str:
    """The address of the wallet whose key a file holds: the last 32 of its 64 bytes."""
    return base58.b58encode(bytes(json.loads(key_file.read_text())[32:])).decode()


def explorer(config: Config, signature: str) -> str | None:
    """Where a browser shows a transaction of a public cluster."""
    if config.solana_cluster not in PUBLIC:
        return None
    cluster = "" if config.solana_cluster == "mainnet" else f"?cluster={config.solana_cluster}"
    return f"https://explorer.solana.com/tx/{signature}{cluster}"
