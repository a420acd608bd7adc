"""Growth with the table: a burst beside 0 and beside 1,000,000 orders that are over.

The old rows come in as a long life would leave them behind, except that Postgres has no statistics of them
yet: a plan that is good only with statistics is one that fails on the day they are stale.
"""

from __future__ import annotations

from ..database import Connection, connected
from ..engines import Baseline, Engine
from ..engines.engine import folder
from ..engines.ours import Ours
from .burst import burst
from .scenario import Measured, Scenario, Side, Turn

CHUNK = 50_000

ORDERS = {
    Ours: """
INSERT INTO orders (id, token_in, token_out, amount_in, slippage_bps, status, seq, created_at, updated_at,
    dex, quoted_out, minimum_out, amount_out, tx_hash)
SELECT md5(number::text)::uuid, 'SOL', 'USDC', 500000000, 100, 'confirmed', 5,
    now() - interval '1 second' * (2000000 - number), now() - interval '1 second' * (2000000 - number),
    'raydium', 75000000, 74000000, 75000000, md5(number::text)
FROM generate_series(%s::integer, %s::integer) AS number""",
    Baseline: """
INSERT INTO orders (id, token_in, token_out, amount, status, dex, executed_price, tx_hash, created_at,
    updated_at)
SELECT md5(number::text)::uuid, 'SOL', 'USDC', 0.5, 'confirmed', 'raydium', 150, md5(number::text),
    now() - interval '1 second' * (2000000 - number), now() - interval '1 second' * (2000000 - number)
FROM generate_series(%s::integer, %s::integer) AS number""",
}
EVENTS = {
    Ours: """
INSERT INTO order_events (order_id, seq, status, attempt, at, detail)
SELECT md5(number::text)::uuid, seq, (ARRAY['pending', 'routing', 'building', 'submitted', 'confirmed'])[seq]
    ::order_status, 1, now() - interval '1 second' * (2000000 - number), '{}'
FROM generate_series(%s::integer, %s::integer) AS number, generate_series(1, 5) AS seq""",
    Baseline: """
INSERT INTO order_events (order_id, status, at)
SELECT md5(number::text)::uuid, (ARRAY['pending', 'routing', 'building', 'submitted', 'confirmed'])[seq],
    now() - interval '1 second' * (2000000 - number)
FROM generate_series(%s::integer, %s::integer) AS number, generate_series(1, 5) AS seq""",
}


def measure(turn: Turn) -> Measured:
    """Without and with; a figure's name ends with `@` and the number of old orders."""
    options = turn.options
    figures: dict[str, float] = {}
    for rows in (0, options.rows):
        with folder() as state, turn.side.running(state) as engine:
            if rows:
                _fill(turn, engine, rows)
            measured = burst(turn, engine, options.orders, options.clients)
        figures |= {f"{name}@{rows}": value for name, value in measured.figures.items()}
    return Measured(figures)


def _fill(turn: Turn, engine: Engine, rows: int) -> None:
    kind: type[Side] = type(turn.side)
    with connected(engine.database_url) as connection:
        _keep_statistics_away(connection)
        for first in range(1, rows + 1, CHUNK):
            turn.show(first - 1, rows, "old orders")
            numbers = [first, min(first + CHUNK - 1, rows)]
            for statement in (ORDERS[kind], EVENTS[kind]):
                connection.execute(statement.encode(), numbers)
        connection.execute("CHECKPOINT")  # or the burst would pay for the rows before it


def _keep_statistics_away(connection: Connection) -> None:
    for table in ("orders", "order_events"):
        connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)".encode())
    connection.execute(
        "SET session_replication_role = replica"
    )  # each event's order is there: no need to look


SCENARIO = Scenario("table", "Growth with the table", measure, is_long=True)
