"""What the engine is doing, in memory."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.domain.lifecycle import TERMINAL, Status
from chalicelib.ports.activity import Recent

from tests.fakes.store import MemoryStore
from tests.fakes.unavailable import Unavailable


class MemoryActivity(Unavailable):
    """`ports.activity.Activity`: counts the store's orders; what is recent it is given."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.found = Recent(60, {}, None, {})

    async def under_way(self) -> Mapping[Status, int]:
        self._reach()
        found: dict[Status, int] = {status: 0 for status in Status if status not in TERMINAL}
        for row in self._store.rows.values():
            if row.order.status in found:
                found[row.order.status] += 1
        return found

    async def recent(self, seconds: int) -> Recent:
        self._reach()
        return self.found
