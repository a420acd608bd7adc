"""Whose swaps are counted on a Solana cluster, and what a node that answers oddly is taken for."""

from __future__ import annotations

import io
from typing import Any

import pytest
from chalicelib.config import Config

from local import landed
from local.environments import add_packages
from local.world import wallet_address

add_packages("solana")

URL = "http://127.0.0.1:9"


def test_the_wallet_is_that_of_the_key_however_it_is_given() -> None:
    from solders.keypair import Keypair

    keypair = Keypair.from_seed(bytes(32))
    config = Config(world="solana", solana_rpc_urls=URL, solana_key=str(keypair))
    assert wallet_address(config) == str(keypair.pubkey())


def test_the_first_of_several_nodes_is_asked() -> None:
    assert landed.first_node(f"{URL} , http://127.0.0.1:10") == URL


@pytest.mark.parametrize("body", ["", "<html>", "[]", "7", "{}", '{"error": "unauthorized"}'])
def test_what_is_no_node_is_an_os_error(body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(*arguments: Any, **options: Any) -> io.StringIO:
        return io.StringIO(body)

    monkeypatch.setattr(landed, "urlopen", answer)
    with pytest.raises(OSError, match="no Solana RPC node"):
        landed.call(URL, "getVersion")
