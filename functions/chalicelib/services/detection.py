"""Detection: takes what a detector reports of new pools into the store, where every process finds it.

The store is first: a launch that is reported again is there already, and one that was not stored is reported
again.
"""

from __future__ import annotations

import logging

from ..domain.errors import TemporarilyUnavailable
from ..ports.launches import Launches
from ..ports.store import Store

log = logging.getLogger(__name__)

AT_ONCE = 100  # launches


class Detection:
    """`await detection.run()`: one bounded look. Concurrent ones are harmless."""

    def __init__(self, launches: Launches, store: Store) -> None:
        self._launches = launches
        self._store = store
        self._failing = False

    async def run(self) -> int:
        """How many launches were reported; 0 while the detector or the store is unavailable."""
        try:
            found = await self._launches.detected(AT_ONCE)
            if found:
                await self._store.add_launches(found)
                await self._launches.take(found)
        except (TemporarilyUnavailable, OSError, TimeoutError) as error:
            if not self._failing:  # said once, for passes come often
                log.warning("detection: failed, retrying at each pass error=%r", error)
            self._failing = True
            return 0
        self._failing = False
        for launch in found:
            log.info(
                "detection: launch reported mint=%s venue=%s opens_at=%s",
                launch.mint,
                launch.venue,
                launch.opens_at,
            )
        return len(found)
