"""What a session must be like for the statements, whatever database, role and environment say.

It is compared first, and set only where it differs: RDS Proxy takes no options from a connection, and pins
one that says SET. The time zone and the date style are those that psycopg reads, the search path is where the
migrations put the tables, and the isolation level is the one that the statements' locks are made for.
"""

from __future__ import annotations

import time
from typing import Any

import psycopg
from psycopg.rows import dict_row

CLOCK_NOISE_S = 0.1

SETTINGS = {
    "DateStyle": "ISO",
    "TimeZone": "UTC",
    "search_path": "public",
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    "default_transaction_isolation": "read committed",
}

FOUND = """
SELECT extract(epoch FROM clock_timestamp())::float8 AS now,
    split_part(current_setting('DateStyle'), ',', 1) AS "DateStyle",
    current_setting('TimeZone') AS "TimeZone",
    array_to_string(current_schemas(false), ',') AS search_path,
    current_setting('standard_conforming_strings') AS standard_conforming_strings,
    current_setting('array_nulls') AS array_nulls,
    current_setting('default_transaction_isolation') AS default_transaction_isolation
"""

SET = "SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS wrong (name, value)"


async def make_fit(connection: psycopg.AsyncConnection[Any], clock_ahead_s: float) -> float:
    """Set what differs from SETTINGS; how far the server's clock is ahead of this process's, in seconds.

    That is `clock_ahead_s`, the last measurement, unless this one differs by more than its noise: a clock
    that is set by it must not move to and fro with each connection.
    """
    async with connection.cursor(row_factory=dict_row) as cursor:
        began = time.time()
        await cursor.execute(FOUND)
        answered = time.time()
        found = await cursor.fetchone() or {}
        wrong = [name for name, value in SETTINGS.items() if found[name] != value]
        if wrong:
            await cursor.execute(SET, [wrong, [SETTINGS[name] for name in wrong]])
    ahead_s = float(found["now"]) - (began + answered) / 2
    noise_s = CLOCK_NOISE_S + (answered - began) / 2
    return ahead_s if abs(ahead_s - clock_ahead_s) > noise_s else clock_ahead_s
