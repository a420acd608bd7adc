"""Solana itself: real transactions, signed with a real key, sent over JSON-RPC, at venues that Jupiter asks.

world.py          what WORLD=solana builds of the settings
settings.py       what they mean
venue.py          `ports.trading.Venue`: quotes by jupiter.py, transactions by preparation.py
jupiter.py        Jupiter's Swap API over HTTP
preparation.py    from a quote to a transaction that may be signed
├── guards.py         caps, and what is reserved for other orders (balances.py: what the wallet holds)
├── blockhashes.py    until when a venue's blockhash is valid
├── preflight.py      what a transaction would do, by a simulation on the chain
└── switch.py         whether trading is halted
wallet.py         `ports.trading.Signer`: inspects, then signs
├── inspection.py     what a transaction does, compared with what the order says
├── instructions.py   the instructions of the programs that every cluster has, as their meaning
└── keys.py           where the wallet's key comes from
chain.py          `ports.trading.Chain`: blockhash, height, send, status with the fill (fill.py)
rpc.py            JSON-RPC over HTTP: several nodes, each asked once for the cluster that it is of
audit.py          `ports.trading.Audit`: what has landed, compared with the orders

admit ─▶ /order ─▶ blockhash known? ─▶ inspect ─▶ simulate ─▶ halted? ─▶ sign ─▶ store ─▶ send ─▶ status
"""
