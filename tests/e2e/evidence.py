"""What lies behind the API and can be counted: orders, landed swaps, messages, dead letters, relays.

A test that asks for it is skipped where the engine under test can't be looked into.
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from chalicelib.adapters.aws.dead_letters import SqsDeadLetters
from chalicelib.adapters.redis.registry import ShardKeys
from chalicelib.api.wire.queue import parse_queue_message
from chalicelib.domain.tokens import find_token
from redis import Redis

from local.endpoints import find_running, local_credentials
from local.servers.queues import connect
from tests.e2e.engine import Engine
from tests.e2e.solana import Swap, swaps

WAITING = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)

# Every order with its number of landed swaps that are what the order says.
SWAPS = """
SELECT orders.id::text AS order_id, orders.status::text, count(swaps.signature) AS landed,
    count(*) FILTER (
        WHERE swaps.signature = orders.tx_hash
          AND swaps.amount_out = orders.amount_out
          AND swaps.amount_in = orders.amount_in
          AND swaps.amount_out >= orders.minimum_out
    ) AS as_confirmed
FROM orders LEFT JOIN sim.swaps ON swaps.memo = orders.id::text
GROUP BY orders.id
"""


ORDERS = """
SELECT id::text, status::text, tx_hash, token_in, token_out, amount_in, amount_out, minimum_out FROM orders
"""


def count_orders(engine: Engine) -> int:
    """Rows in the table of orders."""
    [(orders,)] = _rows(engine, "SELECT count(*) FROM orders")
    return int(orders)


def status_of(engine: Engine, order_id: str) -> str:
    """An order's status in the table of orders."""
    return next(status for found, status, _, _ in landed_swaps(engine) if found == order_id)


def landed_swaps(engine: Engine) -> list[tuple[str, str, int, int]]:
    """Every order: its id, its status, its landed swaps, and those of them that are as the order says."""
    return _rows(engine, SWAPS) if not engine.solana_url else _swaps_on_solana(engine)


def _swaps_on_solana(engine: Engine) -> list[tuple[str, str, int, int]]:
    orders = _rows(engine, ORDERS)  # before the chain, which has what they say
    found = defaultdict[str, list[Swap]](list)
    for order_id, swap in swaps(engine.solana_url, engine.wallet):
        found[order_id].append(swap)
    return [
        (order_id, status, len(found[order_id]), sum(_is_as_said(swap, *said) for swap in found[order_id]))
        for order_id, status, *said in orders
    ]


def _is_as_said(
    swap: Swap,
    tx_hash: str,
    token_in: str,
    token_out: str,
    amount_in: int,
    amount_out: int,
    minimum_out: int,
) -> bool:
    sold, bought = find_token(token_in), find_token(token_out)
    assert sold is not None
    assert bought is not None
    return (
        swap.signature == tx_hash
        and swap.sold == {sold.mint: amount_in}
        and swap.received == {bought.mint: amount_out}
        and amount_out >= minimum_out
    )


def landed_swaps_of(engine: Engine, order_id: str) -> int:
    """How many swaps of an order have landed."""
    return sum(landed for found, _, landed, _ in landed_swaps(engine) if found == order_id)


def count_messages(engine: Engine) -> int:
    """Messages in the queue, whether or not somebody works on them."""
    found = sqs_of(engine).get_queue_attributes(QueueUrl=engine.queue_url, AttributeNames=list(WAITING))
    return sum(int(number) for number in found["Attributes"].values())


def dead_letters(engine: Engine) -> list[str | None]:
    """The orders that the dead-letter queue's messages name."""
    sqs_of(engine)  # or the test is skipped
    os.environ |= _credentials(engine)

    async def read() -> list[str | None]:
        queue = SqsDeadLetters(
            engine.dead_letter_url, parse_queue_message, endpoint_url=_origin(engine.dead_letter_url)
        )
        found = [dead_letter async for page in queue.pages() for dead_letter in page]
        await queue.give_back(found)
        return [dead_letter.order_id for dead_letter in found]

    return asyncio.run(read())


def sqs_of(engine: Engine) -> Any:
    """A client of the SQS that has the engine's queues."""
    if not (engine.queue_url and engine.dead_letter_url):
        pytest.skip("ORDERS_QUEUE_URL and ORDERS_DLQ_URL do not say where the engine's queues are")
    return connect(_origin(engine.queue_url), _credentials(engine))


def relay_fence(engine: Engine) -> str | None:
    """Which relay holds the first shard; None while none does."""
    if not engine.redis_url:
        pytest.skip("REDIS_URL does not say where the engine's registry is")
    with Redis.from_url(engine.redis_url, decode_responses=True) as redis:
        leases = [*redis.scan_iter(ShardKeys(0, "*").lease), *redis.scan_iter(ShardKeys(0).lease)]
        found = [redis.get(lease) for lease in leases]  # on one machine the gateway has a name
    return next(map(str, filter(None, found)), None)


def _rows(engine: Engine, query: str) -> list[Any]:
    if not engine.database_url:
        pytest.skip("DATABASE_URL does not say where the engine's database is")
    with psycopg.connect(engine.database_url) as connection:
        return connection.execute(query).fetchall()


def _credentials(engine: Engine) -> dict[str, str]:
    running = engine.state and find_running(engine.state)
    return running.credentials() if running else local_credentials(os.environ)


def _origin(queue_url: str) -> str:
    url = urlsplit(queue_url)
    return f"{url.scheme}://{url.netloc}"
