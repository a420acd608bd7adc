"""Every named statement looks its rows up by an index, in tables of any size, with or without statistics."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from chalicelib.adapters.postgres.arrays import literal
from chalicelib.adapters.postgres.database import SQL, load_queries
from chalicelib.migrations import migrate
from chalicelib.simulation import database as simulation
from psycopg.pq import ExecStatus

from local.services import Endpoints
from tests.databases import new_database

QUERIES = load_queries(SQL / "queries.sql") | load_queries(simulation.SQL / "queries.sql")

IDS = [str(uuid.uuid4()) for _ in range(100)]
TEXTS, NUMBERS = [f"text {n}" for n in range(100)], [*range(100)]
NONE = [None] * 100
BATCH = {"ids": IDS}
PAGE = {"account": "account 1", "at": "infinity", "id": IDS[0], "since": "-infinity", "limit": 50}
HALVES = {"idle": ["open", "failed"], "busy": ["pending", "routing"]}

GIVEN: dict[str, dict[str, Any]] = {
    "create_orders": BATCH
    | dict.fromkeys(("accounts", "tokens_in", "tokens_out", "clients", "keys", "fingerprints"), TEXTS)
    | {
        "amounts_in": NUMBERS,
        "slippages_bps": NUMBERS,
        "slippages_are_auto": [False] * 100,
        "details": ["{}"] * 100,
    }
    | {"max_price_impacts_bps": NUMBERS, "floors_out": NUMBERS, "prices": NUMBERS, "sizes": NUMBERS}
    | {"types": ["limit"] * 100, "expiries": NONE, "venues": NONE, "client_order_ids": NONE}
    | {"max_outstanding": 10, "key_ttl_s": 60},
    "find_keys": {"keys": TEXTS},
    "orders_of_keys": {"keys": TEXTS},
    "forget_expired_keys": {},
    "withdraw_orders": BATCH,
    "find_withdrawn": BATCH,
    "redrive_orders": BATCH | {"mark": 2},
    "acknowledge_orders": BATCH,
    "claim_orders": BATCH | {"lease_ms": 20_000, "mark": 2},
    "record_transitions": BATCH
    | dict.fromkeys(("fences", "leases_ms", "retries_in_ms", "last_valid_block_heights"), NUMBERS)
    | dict.fromkeys(("quoted_outs", "minimum_outs", "amounts_out"), NUMBERS)
    | dict.fromkeys(("signatures", "dexes", "tx_hashes", "errors", "codes"), TEXTS)
    | {"statuses": ["building"] * 100, "sources": ["{routing}"] * 100, "seqs": NUMBERS}
    | {"details": ["{}"] * 100, "transactions": [b"raw"] * 100},
    "release_orders": BATCH | {"fences": NUMBERS, "due_in_ms": NUMBERS},
    "read_orders": BATCH,
    "newest_orders": {"statuses": ["pending", "failed"]} | PAGE,
    "newest_orders_of_types": {"types": ["limit", "stop"]} | HALVES | PAGE,
    "newest_orders_of_pairs": {"types": ["limit"], "token_in": "SOL", "token_out": None} | HALVES | PAGE,
    "read_events": BATCH | {"afters": NUMBERS},
    "last_seqs": BATCH,
    "any_queued_overdue": {"after_ms": 60_000},
    "take_overdue": {"after_ms": 60_000, "limit": 5000, "drained_for_ms": 1000},
    "cancel_orders": BATCH | {"accounts": TEXTS},
    "open_orders_of": {"account": "account 1", "limit": 10}
    | dict.fromkeys(("token_in", "token_out", "types")),
    "expire_orders": {"limit": 1000},
    "take_trigger_lease": {"shard": -1, "holder": "run", "lease_ms": 1200},
    "release_trigger_lease": {"shard": -1, "holder": "run"},
    "open_groups": {},
    "orders_at_price": dict.fromkeys(("tokens_in", "tokens_out"), TEXTS)
    | {"types": ["limit"] * 100, "sizes": NUMBERS, "prices": NUMBERS, "liquidities": NUMBERS, "limit": 200},
    "fire_orders": BATCH | {"details": ["{}"] * 100},
    "add_launches": dict.fromkeys(("pools", "venues", "mints", "symbols", "against"), TEXTS)
    | {"decimals": NUMBERS, "liquidities": NUMBERS, "opens_at": ["now"] * 100},
    "open_launches": {"mints": TEXTS},
    "newest_launches": {"limit": 500},
    "ping": {},
    "count_orders": {"statuses": ["open", "pending"], "most": 10_000},
    "recent_orders": {"seconds": 60, "most": 10_000},
    "recent_steps": {"seconds": 60, "most": 10_000, "timed": 500},
    "add_api_key": dict.fromkeys(("id", "account", "label"), "text")
    | {"scopes": ["admin"], "hash": "00", "created_at": "now", "expires_at": None},
    "read_api_keys": {"ids": TEXTS},
    "list_api_keys": {"account": "account 1", "limit": 10},
    "end_api_key": {"id": "key 1", "in_ms": 0},
    "use_api_key": {"id": "key 1"},
    "store_transactions": dict.fromkeys(
        ("signature", "memo", "venue", "token_in", "token_out", "error_code"), TEXTS
    )
    | dict.fromkeys(("amount_in", "minimum_out", "last_valid_block_height", "expires_ms"), NUMBERS)
    | dict.fromkeys(("lands_ms", "slot", "amount_out", "priority_fee"), NUMBERS)
    | {"legs": NONE},
    "landed_transactions": {"signature": TEXTS, "now_ms": 1},
    "launch_pools": dict.fromkeys(("pool", "venue", "mint", "symbol", "against"), TEXTS)
    | dict.fromkeys(("decimals", "liquidity", "supply", "opens_in_ms"), NUMBERS),
    "pools_of": {"mint": TEXTS},
    "unreported_launches": {"limit": 100},
    "take_launches": {"pool": TEXTS},
    "count_fault": {"rule": TEXTS, "subject": TEXTS, "occasion": NONE},
}

FILL = """
SET statement_timeout = 0;
SET session_replication_role = replica;  -- no foreign key is checked, which would take most of the time
INSERT INTO orders
    (id, account, token_in, token_out, amount_in, slippage_bps, client, status, type, price, size, expires_at,
    queued_at, due_at, created_at)
SELECT gen_random_uuid(), 'account ' || n % 100, 'SOL', 'USDC', 1, 50, 'client ' || n % 100,
    (enum_range(NULL::order_status))[CASE WHEN n % 50 < 8 THEN n % 8 + 1 ELSE 6 END],
    'limit', n, n % 60, CASE WHEN n % 2 > 0 THEN now() + n * interval '1 s' END,
    CASE WHEN n % 3 > 0 THEN now() END, now() - n * interval '1 s', now() - n * interval '1 s'
FROM generate_series(1, {n}) AS n;
INSERT INTO order_events (order_id, seq, status, attempt, at, detail)
SELECT id, nth, status, 1, now(), '{{}}' FROM orders CROSS JOIN generate_series(1, 3) AS nth;
INSERT INTO idempotency_keys (key, order_id, fingerprint, expires_at)
SELECT id::text, id, 'print', now() + random() * interval '1 h' FROM orders;
INSERT INTO withdrawn_orders (order_id) SELECT gen_random_uuid() FROM generate_series(1, {n});
INSERT INTO outstanding_orders (client, stripe, orders)
SELECT 'client ' || n, 0, 1 FROM generate_series(1, {n}) AS n;
INSERT INTO sim.transactions
    (signature, memo, venue, token_in, token_out, amount_in, minimum_out, last_valid_block_height)
SELECT 'signature ' || n, 'memo', 'raydium', 'SOL', 'USDC', 1, 1, 1 FROM generate_series(1, {n}) AS n;
INSERT INTO launches (pool, venue, mint, symbol, decimals, against, liquidity, opens_at)
SELECT 'pool ' || n, 'raydium', 'mint ' || n, 'WIF', 6, 'SOL', 1, now() - n * interval '1 s'
FROM generate_series(1, {n}) AS n;
INSERT INTO sim.launches (pool, venue, mint, symbol, decimals, against, liquidity, supply, opens_at, reported)
SELECT 'pool ' || n, 'raydium', 'mint ' || n, 'WIF', 6, 'SOL', 1, 1, now(), n % 3
FROM generate_series(1, {n}) AS n;
INSERT INTO api_keys (id, account, name, scopes, hash)
SELECT 'key ' || n, 'account ' || n, 'name', '{{admin}}', '' FROM generate_series(1, {n}) AS n;
INSERT INTO sim.faults (rule, subject, occasion, met, met_at)
SELECT 'rule', 'subject ' || n, NULL, 1, now() FROM generate_series(1, {n}) AS n;
"""
# Not here: a table that was analyzed while empty. Autovacuum soon replaces the plans that come of that.
AGES = {
    "empty": (0, ""),
    "young": (3000, ""),
    "old": (50_000, "ANALYZE"),
}


@pytest.fixture(scope="module", params=AGES.values(), ids=list(AGES))
def tables(request: pytest.FixtureRequest, services: Endpoints) -> Iterator[str]:
    """A database whose tables are of that age; no statistics but those a test collects."""
    orders, then = request.param
    with new_database(services.database_url) as url:
        migrate(url)
        with psycopg.connect(url, autocommit=True) as connection:
            for table in growing(connection):
                connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)".encode())
            connection.execute(FILL.format(n=orders).encode())
            if then:
                connection.execute(then.encode())
        yield url


def growing(connection: psycopg.Connection) -> list[str]:
    """Every table, but for the ledger of the migrations."""
    found = connection.execute(
        "SELECT table_schema || '.' || table_name FROM information_schema.tables"
        " WHERE table_schema IN ('public', 'sim') AND table_type = 'BASE TABLE'"
        " AND table_name <> 'schema_migrations'"
    )
    return [name for (name,) in found]


def generic(connection: psycopg.Connection, query: str) -> Any:
    """The plan for whatever parameters, as a session keeps it."""
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", query)))
    numbered = re.sub(r"%\((\w+)\)s", lambda found: f"${names.index(found[1]) + 1}", query)
    result = connection.pgconn.exec_(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {numbered}".encode())
    assert result.status == ExecStatus.TUPLES_OK, result.error_message.decode()
    return json.loads(result.get_value(0, 0) or b"")


def custom(connection: psycopg.Connection, name: str) -> Any:
    """The plan for a hundred rows."""
    parameters = {key: literal(v) if isinstance(v, list) else v for key, v in GIVEN[name].items()}
    cursor = connection.execute(f"EXPLAIN (FORMAT JSON) {QUERIES[name]}".encode(), parameters)
    [(plan,)] = cursor.fetchall()
    return plan


def nodes(plan: Any) -> Iterator[dict[str, Any]]:
    for part in plan if isinstance(plan, list) else plan.values() if isinstance(plan, dict) else ():
        yield from nodes(part)
    if isinstance(plan, dict) and "Node Type" in plan:
        yield plan


def walks(plan: Any) -> list[str]:
    """The nodes that read a table or an index from end to end, or all rows of a kind: those of one status."""
    return [
        f"{node['Node Type']} on {node.get('Relation Name') or node.get('Index Name')}"
        for node in nodes(plan)
        if node["Node Type"] == "Seq Scan"
        or (node["Node Type"] in INDEX_SCANS and BY_CONSTANTS.fullmatch(node.get("Index Cond", "")))
    ]


INDEX_SCANS = ("Index Scan", "Index Only Scan", "Bitmap Index Scan")
# The same rows whatever the parameters: none is named, or a status or several.
BY_CONSTANTS = re.compile(r"(\(\w+ = ('\w+'::\w+|ANY \('\{[\w,]+\}'::\w+\[\]\))\))?")


def test_every_statement_has_a_case() -> None:
    assert set(GIVEN) == set(QUERIES)


@pytest.mark.parametrize("name", QUERIES)
def test_a_statement_reads_only_the_rows_it_needs(tables: str, name: str) -> None:
    with psycopg.connect(tables, autocommit=True) as connection:
        assert walks(generic(connection, QUERIES[name])) == []
        connection.execute("SET plan_cache_mode = auto")
        assert walks(custom(connection, name)) == []


# Of each look-up the index, or one of two that are as good, and the columns that it is entered by.
ENTERED_BY = {
    "newest_orders_of_types": {
        "orders_of_account_by_type": {"account", "type", "status", "created_at", "id"},
        "orders_of_account_by_status": {"account", "status", "created_at", "id"},
    },
    "newest_orders_of_pairs": {
        "orders_of_account_by_pair": {
            *("account", "token_in", "token_out", "type", "status", "created_at", "id")
        },
        "orders_of_account_by_status": {"account", "status", "created_at", "id"},
    },
    "open_orders_of": {"orders_open_of_account or orders_of_account_by_type": {"account"}},
}


@pytest.mark.parametrize("name", ENTERED_BY)
def test_a_list_is_read_from_where_its_page_begins(tables: str, name: str) -> None:
    with psycopg.connect(tables, autocommit=True) as connection:
        plans = [generic(connection, QUERIES[name])]
        connection.execute("SET plan_cache_mode = auto")
        plans.append(custom(connection, name))
    for plan in plans:
        entered: dict[str, set[str]] = {}
        for node in nodes(plan):
            if "Index Cond" in node:
                columns = set(re.findall(r"\b[a-z_]+\b", node["Index Cond"]))
                entered[node["Index Name"]] = entered.get(node["Index Name"], set()) | columns
        for indexes, columns in ENTERED_BY[name].items():
            assert any(columns <= entered.get(index, set()) for index in indexes.split(" or ")), plan


def test_a_sequential_scan_is_detected(tables: str) -> None:
    with psycopg.connect(tables, autocommit=True) as connection:
        for query in (
            "SELECT * FROM orders WHERE attempt = %(n)s::integer",
            "SELECT * FROM orders ORDER BY id",
            "SELECT * FROM orders WHERE status = 'failed'",
        ):
            assert walks(generic(connection, query)) != []
