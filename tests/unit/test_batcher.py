from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from chalicelib.batcher import Batcher
from chalicelib.domain.errors import TemporarilyUnavailable

from tests.fakes import eventually


class Server:
    """Doubles the numbers of a batch once `open` is set; a batch with one of `bad` is an error.

    With a number of `unavailable` in the batch, the server is unavailable.
    """

    def __init__(self, *, bad: Sequence[int] = (), unavailable: Sequence[int] = ()) -> None:
        self.batches: list[list[int]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.bad = bad
        self.unavailable = unavailable
        self.busy = self.most = 0

    async def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        self.busy += 1
        self.most = max(self.most, self.busy)
        try:
            await self.open.wait()
        finally:
            self.busy -= 1
        if any(item in self.unavailable for item in items):
            raise TemporarilyUnavailable
        if any(item in self.bad for item in items):
            raise ValueError(items)
        return [2 * item for item in items]


async def test_a_lone_call_does_not_wait() -> None:
    server = Server()
    assert await Batcher(server)(1) == 2
    assert server.batches == [[1]]


async def test_concurrent_calls_share_a_batch_and_each_gets_its_own_answer() -> None:
    server = Server()
    batcher = Batcher(server)
    assert await asyncio.gather(*map(batcher, range(50))) == [2 * number for number in range(50)]
    assert server.batches == [list(range(50))]


async def test_calls_made_while_a_batch_is_under_way_are_the_next_batch() -> None:
    server = Server()
    server.open.clear()
    batcher = Batcher(server)
    first = batcher(0)
    await eventually(lambda: server.busy)
    rest = [batcher(number) for number in (1, 2, 3)]
    server.open.set()
    await asyncio.gather(first, *rest)
    assert server.batches == [[0], [1, 2, 3]]


async def test_a_batch_has_a_limit() -> None:
    server = Server()
    batcher = Batcher(server, limit=10)
    await asyncio.gather(*map(batcher, range(25)))
    assert [len(batch) for batch in server.batches] == [10, 10, 5]


async def test_no_more_batches_run_at_once_than_there_are_lanes() -> None:
    server = Server()
    server.open.clear()
    batcher = Batcher(server, limit=1, lanes=3)
    calls = [batcher(number) for number in range(9)]
    await eventually(lambda: server.busy == 3)
    server.open.set()
    await asyncio.gather(*calls)
    assert server.most == 3


async def test_one_bad_item_fails_alone() -> None:
    batcher = Batcher(Server(bad=[2]))
    results = await asyncio.gather(*map(batcher, range(4)), return_exceptions=True)
    assert [type(result) for result in results] == [int, int, ValueError, int]


async def test_an_unavailable_server_fails_the_batch_without_a_call_for_each_item() -> None:
    server = Server(unavailable=range(4))
    batcher = Batcher(server)
    results = await asyncio.gather(*map(batcher, range(4)), return_exceptions=True)
    assert {type(result) for result in results} == {TemporarilyUnavailable}
    assert len(server.batches) == 1
    assert await batcher(5) == 10


async def test_calls_behind_a_batch_that_failed_get_a_batch_of_their_own() -> None:
    server = Server(unavailable=[1])
    server.open.clear()
    batcher = Batcher(server)
    first = batcher(1)
    await eventually(lambda: server.busy)
    behind = [batcher(2), batcher(3)]
    server.open.set()
    with pytest.raises(TemporarilyUnavailable):
        await first
    assert await asyncio.gather(*behind) == [4, 6]
    assert server.batches == [[1], [2, 3]]


async def test_a_cancelled_call_is_left_out_of_its_batch() -> None:
    server = Server()
    server.open.clear()
    batcher = Batcher(server)
    first, cancelled, last = (asyncio.ensure_future(batcher(number)) for number in range(3))
    cancelled.cancel()
    server.open.set()
    assert (await first, await last) == (0, 4)
    assert server.batches == [[0, 2]]


async def test_a_call_cancelled_while_its_batch_is_under_way_does_not_affect_the_others() -> None:
    server = Server()
    server.open.clear()
    batcher = Batcher(server)
    leaves, stays = batcher(1), batcher(2)
    await eventually(lambda: server.busy)
    leaves.cancel()
    server.open.set()
    assert await stays == 4


async def test_a_wrong_number_of_answers_is_an_error() -> None:
    async def short(items: Sequence[int]) -> list[int]:
        return [0] * (len(items) - 1)

    with pytest.raises(RuntimeError, match="1 items got 0 results"):
        await Batcher(short)(1)
