"""The fault suite: the real processes under load, killed at random moments, and what is left of it.

plan (seeded) → load (orders and sockets) ∥ faults (kill -9) → verdict → a row of the table

`python -m tests.faults --rounds 20 --seed 1` runs it and prints the table.
"""
