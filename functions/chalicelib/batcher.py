"""Natural batching: calls that meet while one is under way travel together; a lone call never waits.

`await batcher(item)` joins the waiting items. A free lane takes up to `limit` of them and gives them to `run`
in one call; whatever arrives meanwhile waits for the next. So one order in a Lambda costs one round trip, and
fifty on one machine share theirs.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, Generic, TypeVar

from .domain.errors import TemporarilyUnavailable

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batcher(Generic[Item, Result]):
    """Calls `run(items)` with what has gathered: at most `lanes` calls at once, `limit` items each.

    `run` gives one result for each item, in their order. A batch that fails is run again item by item, so
    that one bad item fails alone; only a server that is away (TemporarilyUnavailable) fails them all at once.
    Those who wait behind that batch get a call of their own: a lock held too long, a message refused or one
    broken connection are called so too, and say nothing of the next call.
    """

    on_batch: ClassVar[Callable[[str, int], None] | None] = None
    """Called with the name and the size of each batch, where batches are counted."""

    def __init__(
        self,
        run: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
        *,
        limit: int = 100,
        lanes: int = 1,
    ) -> None:
        self._run = run
        self._name = getattr(run, "__qualname__", "").replace("._", ".").removesuffix("_all")
        self._limit = limit
        self._free = lanes
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._lanes: set[asyncio.Task[None]] = set()

    def __call__(self, item: Item) -> asyncio.Future[Result]:
        """The future of `item`'s own result."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._free:
            self._free -= 1
            lane = asyncio.create_task(self._drain())
            self._lanes.add(lane)
            lane.add_done_callback(self._lanes.discard)
        return future

    async def _drain(self) -> None:
        try:
            while self._waiting:
                count = min(self._limit, len(self._waiting))
                await self._run_batch([self._waiting.popleft() for _ in range(count)])
        finally:
            self._free += 1

    async def _run_batch(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        batch = [(item, future) for item, future in batch if not future.done()]
        if not batch:
            return
        if Batcher.on_batch is not None:
            Batcher.on_batch(self._name, len(batch))
        try:
            results = await self._run([item for item, _ in batch])
            if len(results) != len(batch):
                raise RuntimeError(f"{len(batch)} items got {len(results)} results")
        except Exception as error:
            if len(batch) > 1 and not isinstance(error, TemporarilyUnavailable):
                for alone in batch:
                    await self._run_batch([alone])
                return
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)
