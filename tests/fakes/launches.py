"""A detector in memory."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.domain.launch import Launch

from tests.fakes.unavailable import Unavailable


class MemoryLaunches(Unavailable):
    """`ports.launches.Launches`: reports each launch until it has been taken `reports` times."""

    reports = 2

    def __init__(self) -> None:
        self.launches: list[Launch] = []
        self.taken: dict[str, int] = {}

    def announce(self, launch: Launch) -> None:
        self.launches.append(launch)

    async def detected(self, limit: int) -> Sequence[Launch]:
        self._reach()
        return [one for one in self.launches if self.taken.get(one.pool, 0) < self.reports][:limit]

    async def take(self, launches: Sequence[Launch]) -> None:
        self._reach()
        for launch in launches:
            self.taken[launch.pool] = self.taken.get(launch.pool, 0) + 1
