"""The relays of this process: each serves its shard for a while, then has the next one started."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ...ports.live import RelayLauncher
from .relay import Relay
from .supervisor import ask_for_relay


class Relays:
    """Runs relays; `build` makes a new one for a shard."""

    def __init__(self, build: Callable[[int], Relay], launcher: RelayLauncher) -> None:
        self._build = build
        self._launcher = launcher
        self._serving: dict[asyncio.Task[bool], Relay] = {}

    async def serve(self, shard: int, seconds: float) -> bool:
        """Serve a shard for `seconds`, then ask for its next relay if one is needed; whether it was."""
        relay = self._build(shard)
        serving = asyncio.create_task(relay.run(seconds))
        self._serving[serving] = relay
        serving.add_done_callback(self._serving.pop)
        again = await serving
        if again:
            await ask_for_relay(self._launcher, shard)
        return again

    async def caught_up(self) -> None:
        """Return once every event that is stored by now has been sent to those who follow its order."""
        await asyncio.gather(*(relay.caught_up() for relay in self._serving.values()))

    async def close(self) -> None:
        """End the relays that run."""
        serving = [*self._serving]
        for relay in serving:
            relay.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
