"""The relays of this process: each serves its shard for a while, then has the next one started."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .keeping import ask_for_relay
from .ports import RelayLauncher
from .relay import Relay


class Relays:
    """Runs relays; `build` makes a new one for a shard."""

    def __init__(self, build: Callable[[int], Relay], launcher: RelayLauncher) -> None:
        self._build = build
        self._launcher = launcher
        self._serving: set[asyncio.Task[bool]] = set()

    async def serve(self, shard: int, seconds: float) -> bool:
        """Serve a shard for `seconds`, then ask for its next relay if one is needed; whether it was."""
        serving = asyncio.create_task(self._build(shard).run(seconds))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)
        again = await serving
        if again:
            await ask_for_relay(self._launcher, shard)
        return again

    async def close(self) -> None:
        """End the relays that run."""
        serving = [*self._serving]
        for relay in serving:
            relay.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
