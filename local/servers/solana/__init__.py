"""A Solana node on this machine: a real VM, its JSON-RPC, a market maker, a ledger that survives kill -9.

ledger.py    slots, blockhashes, pending and landed transactions  ◀── accounts.py, meta.py, fees.py
journal.py   the ledger's file; genesis.py writes its first accounts
rpc.py       JSON-RPC  ◀── chain_methods.py, account_methods.py, transaction_methods.py
params.py    a call's parameters; tokens.py, zstd.py the encodings of accounts
maker.py     quotes of the simulated market with Jupiter's interface; swap.py builds the transactions
faults.py    injected faults
app.py       HTTP; landing.py the timer; node.py puts the parts together; __main__.py the process

`Solana` runs the process as one of the engine's servers. The VM is LiteSVM from the package `solders`, which
is installed on first use into an environment of its own (../../environments.py). So this module does not
import it.
"""

from __future__ import annotations

from .server import Solana

__all__ = ["Solana"]
