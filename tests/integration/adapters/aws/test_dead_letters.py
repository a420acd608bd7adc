"""The dead-letter queue on a real SQS: the contract of the port, which its fake passes as well."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from chalicelib.adapters.aws.dead_letters import SqsDeadLetters
from chalicelib.api.wire.queue import parse_queue_message
from chalicelib.ports.queue import DeadLetter, DeadLetters
from chalicelib.services import health

from local.endpoints import Endpoints
from local.servers.queues import connect
from tests.fakes import MemoryDeadLetters
from tests.integration.adapters.aws.dead_letter_queue import bodies_of, put_on_sqs


@dataclass
class Queue:
    """A dead-letter queue, and a way to put messages into it."""

    dead_letters: DeadLetters
    put: Callable[[list[str]], Any]


def put_on_memory(dead_letters: MemoryDeadLetters, bodies: list[str]) -> None:
    for body in bodies:
        dead_letters.put(body)


@pytest.fixture(params=["memory", "SQS"])
def queue(request: pytest.FixtureRequest, services: Endpoints) -> Iterator[Queue]:
    """An empty dead-letter queue."""
    if request.param == "memory":
        memory = MemoryDeadLetters()
        yield Queue(memory, lambda bodies: put_on_memory(memory, bodies))
        return
    os.environ |= services.credentials()
    sqs = connect(services.aws_endpoint_url, services.credentials())
    url = sqs.create_queue(QueueName=f"dead-{uuid.uuid4().hex}")["QueueUrl"]
    dead_letters = SqsDeadLetters(url, parse_queue_message, endpoint_url=services.aws_endpoint_url)
    yield Queue(dead_letters, lambda bodies: put_on_sqs(sqs, url, bodies))
    sqs.delete_queue(QueueUrl=url)


async def read(dead_letters: DeadLetters) -> list[DeadLetter]:
    return [dead_letter async for page in dead_letters.pages() for dead_letter in page]


@pytest.mark.parametrize("count", [0, 1, 10, 45, 250])
async def test_every_dead_letter_is_read_once(queue: Queue, count: int) -> None:
    bodies = sorted(f"message {number}" for number in range(count))
    queue.put(bodies)
    assert bodies_of(await read(queue.dead_letters)) == bodies


async def test_a_dead_letter_that_was_read_is_hidden_until_it_is_given_back(queue: Queue) -> None:
    queue.put([f"message {number}" for number in range(12)])
    dead_letters = await read(queue.dead_letters)
    assert await read(queue.dead_letters) == []
    await queue.dead_letters.give_back(dead_letters)
    assert bodies_of(await read(queue.dead_letters)) == bodies_of(dead_letters)


async def test_deleting_removes_those_dead_letters_and_no_others(queue: Queue) -> None:
    queue.put([f"message {number:02}" for number in range(25)])
    dead_letters = sorted(await read(queue.dead_letters), key=lambda dead_letter: dead_letter.body)
    await queue.dead_letters.delete(dead_letters[:13])
    await queue.dead_letters.give_back(dead_letters[13:])
    assert bodies_of(await read(queue.dead_letters)) == bodies_of(dead_letters[13:])
    assert (await queue.dead_letters.summary()).count == 12


async def test_a_summary_counts_all_and_hides_none(queue: Queue) -> None:
    empty = await queue.dead_letters.summary()
    assert (empty.count, empty.oldest_s) == (0, None)
    queue.put([f"message {number}" for number in range(30)])
    summary = await queue.dead_letters.summary()
    assert summary.count == 30
    assert summary.oldest_s is not None
    assert 0 <= summary.oldest_s < 10
    assert len(await read(queue.dead_letters)) == 30
    assert (await queue.dead_letters.summary()).count == 30, "messages in flight are counted, too"


async def test_a_hundred_summaries_at_once_are_answered_in_time(queue: Queue) -> None:
    queue.put(["message"] * 200)
    async with asyncio.timeout(health.TIMEOUT_S):
        summaries = await asyncio.gather(*(queue.dead_letters.summary() for _ in range(100)))
    assert {summary.count for summary in summaries} == {200}
