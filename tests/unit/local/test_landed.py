"""Where a browser shows a transaction: only those of public clusters are there."""

from __future__ import annotations

import pytest
from chalicelib.config import Config

from local.landed import explorer


@pytest.mark.parametrize(
    ("cluster", "address"),
    [
        ("mainnet", "https://explorer.solana.com/tx/SIGNATURE"),
        ("devnet", "https://explorer.solana.com/tx/SIGNATURE?cluster=devnet"),
        ("testnet", "https://explorer.solana.com/tx/SIGNATURE?cluster=testnet"),
        ("local", None),
    ],
)
def test_a_transaction_of_a_public_cluster_has_a_link(cluster: str, address: str | None) -> None:
    assert explorer(Config(world="solana", solana_cluster=cluster), "SIGNATURE") == address
