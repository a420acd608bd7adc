"""What the engine is doing, read from Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from ...domain.lifecycle import TERMINAL, Status
from ...ports.activity import Recent
from .database import Database

MOST_COUNTED = 10_000  # orders of a status
MOST_RECENT = 10_000  # orders that percentiles are taken over
MOST_TIMED = 500  # orders whose steps are timed
UNDER_WAY = [str(status) for status in Status if status not in TERMINAL]


class PostgresActivity:
    """`ports.activity.Activity`. What a look costs is bounded, however many orders there are."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def under_way(self) -> Mapping[Status, int]:
        rows = await self._database.run("count_orders", statuses=UNDER_WAY, most=MOST_COUNTED)
        return {Status(row["status"]): row["orders"] for row in rows}

    async def recent(self, seconds: int) -> Recent:
        statuses, steps = await asyncio.gather(
            self._database.run("recent_orders", seconds=seconds, most=MOST_RECENT),
            self._database.run("recent_steps", seconds=seconds, most=MOST_RECENT, timed=MOST_TIMED),
        )
        confirmed = next((row["ms"] for row in statuses if row["status"] == Status.CONFIRMED), None)
        return Recent(
            seconds,
            {Status(row["status"]): row["orders"] for row in statuses},
            (confirmed[0], confirmed[1], confirmed[2]) if confirmed else None,
            {Status(row["status"]): row["ms"] for row in steps},
        )
