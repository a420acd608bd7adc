from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from chalicelib.batcher import Batcher
from chalicelib.domain.errors import TemporarilyUnavailable

from tests.fakes import eventually


class Server:
    """Doubles numbers, a batch at a time, each when it is let through; refuses what is in `bad`.

    A batch with one of those in `away` finds nobody there.
    """

    def __init__(self, *, bad: Sequence[int] = (), away: Sequence[int] = ()) -> None:
        self.batches: list[list[int]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.bad = bad
        self.away = away
        self.busy = self.most = 0

    async def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        self.busy += 1
        self.most = max(self.most, self.busy)
        try:
            await self.open.wait()
        finally:
            self.busy -= 1
        if any(item in self.away for item in items):
            raise TemporarilyUnavailable
        if any(item in self.bad for item in items):
            raise ValueError(items)
        return [2 * item for item in items]


async def test_a_lone_call_does_not_wait() -> None:
    server = Server()
    assert await Batcher(server)(1) == 2
    assert server.batches == [[1]]


async def test_calls_that_meet_travel_together_and_each_gets_its_own_answer() -> None:
    server = Server()
    batcher = Batcher(server)
    assert await asyncio.gather(*map(batcher, range(50))) == [2 * number for number in range(50)]
    assert server.batches == [list(range(50))]


async def test_what_comes_while_a_batch_is_under_way_is_the_next_batch() -> None:
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


async def test_no_more_lanes_are_used_than_there_are() -> None:
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


async def test_a_server_that_is_away_fails_all_at_once_and_is_not_asked_again_for_each() -> None:
    server = Server(away=range(4))
    batcher = Batcher(server)
    results = await asyncio.gather(*map(batcher, range(4)), return_exceptions=True)
    assert {type(result) for result in results} == {TemporarilyUnavailable}
    assert len(server.batches) == 1
    assert await batcher(5) == 10


async def test_who_waits_behind_a_batch_that_finds_the_server_away_gets_a_call_of_its_own() -> None:
    server = Server(away=[1])
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


async def test_who_no_longer_waits_is_left_out_and_disturbs_nobody() -> None:
    server = Server()
    server.open.clear()
    batcher = Batcher(server)
    first, cancelled, last = (asyncio.ensure_future(batcher(number)) for number in range(3))
    cancelled.cancel()
    server.open.set()
    assert (await first, await last) == (0, 4)
    assert server.batches == [[0, 2]]


async def test_who_leaves_while_the_batch_is_under_way_disturbs_nobody() -> None:
    server = Server()
    server.open.clear()
    batcher = Batcher(server)
    leaves, stays = batcher(1), batcher(2)
    await eventually(lambda: server.busy)
    leaves.cancel()
    server.open.set()
    assert await stays == 4


async def test_a_wrong_number_of_answers_is_an_error_and_no_silence() -> None:
    async def short(items: Sequence[int]) -> list[int]:
        return [0] * (len(items) - 1)

    with pytest.raises(RuntimeError, match="1 items got 0 results"):
        await Batcher(short)(1)
