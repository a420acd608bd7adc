"""The tests here sign and execute transactions: they import `solders`, which is installed on first use."""

from __future__ import annotations

from local.environments import add_packages

add_packages("solana")
