"""Orders that wait in the queue for much longer than the sweep allows are not mistaken for lost ones."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from uuid import uuid4

import psycopg
import pytest

from local.servers.queues import connect
from tests.e2e import evidence
from tests.e2e.client import eventually
from tests.e2e.engine import deployed
from tests.faults.submitter import Submitter
from tests.faults.verdict import judge, unfinished
from tests.faults.world import World

ORDERS = 120
MIDDLE = ORDERS * 2 // 3  # this many have not ended when something happens to the backlog
SWEEP_AFTER_S = 0.5
MUCH_LONGER_S = 1.0
SETTINGS = {
    "SIM_LATENCY": "0.1",
    "SIM_FAULTS": "",
    "SWEEP_AFTER_MS": str(round(SWEEP_AFTER_S * 1000)),
}
FOUND_WITHIN_S = 30.0  # the messages that are lost would be visible again after a minute
SWEPT = re.compile(r"sweep queued=\d+ (.+)")
REASON = re.compile(r"([a-z_]+)=(\d+)")

# From an order's creation to its first claim, where that took longest.
LONGEST_WAIT = """
SELECT max(extract(epoch FROM claimed.at - orders.created_at))
FROM orders JOIN order_events AS claimed ON claimed.order_id = orders.id AND claimed.status = 'routing'
WHERE orders.id = ANY(%s::uuid[])
"""


class Backlog:
    """Orders that were all submitted at once."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._taken: dict[str, str] = {}  # key → order
        self._said_before = len(world.log)

    async def submit(self, number: int = ORDERS) -> None:
        """Submit them, under keys of their own."""
        keys = [f"backlog-{uuid4()}" for _ in range(number)]
        async with Submitter(self._world.engine) as submitter:
            answers = await asyncio.gather(*(submitter.submit(key, "SOL", "1.5") for key in keys))
        self._taken = {key: str(answer["orderId"]) for key, answer in zip(keys, answers, strict=True)}

    async def wait_until_left(self, most: int) -> int:
        """Wait until no more than so many have not ended; how many that is."""
        url = self._world.engine.database_url

        async def left() -> int:
            return await asyncio.to_thread(unfinished, url, self._taken)

        return await eventually(left, lambda number: number <= most)

    async def assert_each_swapped_once(self) -> None:
        """That all end, confirmed by one swap each, after waits that should have made the sweep impatient."""
        await self.wait_until_left(0)
        verdict = await asyncio.to_thread(judge, self._world.engine.database_url, self._taken)
        assert verdict.is_good, verdict
        assert verdict.confirmed == ORDERS
        assert await asyncio.to_thread(self._longest_wait_s) > MUCH_LONGER_S

    @property
    def queued_again(self) -> Counter[str]:
        """How many orders the sweep has queued again since before the submit, by reason."""
        counts = Counter[str]()
        for reasons in SWEPT.findall(self._world.log, self._said_before):
            for reason, number in REASON.findall(reasons):
                counts[reason.replace("_", " ")] += int(number)
        return counts

    def _longest_wait_s(self) -> float:
        with psycopg.connect(self._world.engine.database_url) as connection:
            [(longest,)] = connection.execute(LONGEST_WAIT, [[*self._taken.values()]])
        return float(longest)


@pytest.fixture(scope="module")
def impatient_world() -> Iterator[World]:
    """One whose sweep looks for orders that have been due for half a second."""
    if deployed():
        pytest.skip("a deployed engine is not ours to kill")
    with World(**SETTINGS) as world:
        yield world
        assert "Traceback" not in world.log


async def messages(world: World) -> int:
    """Messages in the queue, with those that a worker holds or held."""
    return await asyncio.to_thread(evidence.count_messages, world.engine)


def purge(world: World) -> None:
    """Empty the queue, as if it had come back without its messages."""
    sqs = connect(world.endpoints.aws_endpoint_url, world.endpoints.credentials())
    sqs.purge_queue(QueueUrl=world.engine.queue_url)


async def test_a_backlog_that_waits_longer_than_the_sweep_allows_makes_no_duplicate(
    impatient_world: World,
) -> None:
    backlog = Backlog(impatient_world)
    await backlog.submit()
    assert await messages(impatient_world) <= ORDERS
    await backlog.assert_each_swapped_once()
    assert not backlog.queued_again


async def test_only_what_a_killed_worker_had_taken_from_a_backlog_is_queued_again(
    impatient_world: World,
) -> None:
    await eventually(partial(messages, impatient_world), lambda count: count == 0)
    backlog = Backlog(impatient_world)
    await backlog.submit()
    assert await backlog.wait_until_left(MIDDLE) > 0
    impatient_world.kill("worker")
    # What it had fetched and not begun stays hidden in the queue: a later order's claim shows that.
    await eventually(lambda: asyncio.sleep(0, backlog.queued_again["worker gone"]))
    later = Backlog(impatient_world)
    await later.submit(1)
    await backlog.assert_each_swapped_once()
    await later.wait_until_left(0)
    queued_again = backlog.queued_again
    assert queued_again.total() > 0
    assert queued_again.keys() <= {"worker gone", "overtaken"}
    # Hidden messages are all that is left, for a minute and more; the others have been deleted.
    assert queued_again.total() <= await messages(impatient_world)


async def test_a_backlog_is_found_when_the_queue_comes_back_empty(impatient_world: World) -> None:
    backlog = Backlog(impatient_world)
    with impatient_world.paused("worker"):  # or it might have taken all of them by now
        await backlog.submit()
        await asyncio.to_thread(purge, impatient_world)
    began = time.monotonic()
    await eventually(lambda: asyncio.sleep(0, backlog.queued_again["queue drained"]))
    assert time.monotonic() - began < FOUND_WITHIN_S
    await backlog.assert_each_swapped_once()
    assert backlog.queued_again.total() <= ORDERS
    await eventually(partial(messages, impatient_world), lambda count: count == 0)
