"""Rates in Redis: of each name the time at which all that was taken of it is made up for.

The algorithm is GCRA: a name that has not been taken for long enough may be taken `burst` times at once, and
then once each 1/`per_s` seconds. The time is Redis' own, so clocks of other machines don't matter.
"""

from __future__ import annotations

from redis.asyncio import Redis

from ...ports.rates import Rate, Taken
from .pool import calls

TAKE = """
local time = redis.call('TIME')
local now, interval, burst = time[1] * 1000 + time[2] / 1000, tonumber(ARGV[1]), tonumber(ARGV[2])
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now) + interval
if due - now > interval * burst then return {0, 0, math.ceil(due - now - interval * burst)} end
redis.call('SET', KEYS[1], string.format('%.3f', due), 'PX', math.ceil(due - now))
return {1, math.floor((interval * burst - (due - now)) / interval), math.ceil(due - now)}
"""


class RedisRates:
    """`ports.rates.Rates`."""

    def __init__(self, redis: Redis) -> None:
        self._call = calls(redis)

    async def take(self, name: str, rate: Rate) -> Taken:
        found = await self._call("EVAL", TAKE, 1, f"rate:{name}", 1000 / rate.per_s, rate.burst)
        is_allowed, remaining, wait_ms = map(int, found)
        return Taken(bool(is_allowed), remaining, wait_ms / 1000)
