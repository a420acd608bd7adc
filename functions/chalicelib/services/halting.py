"""Stopping a world's trading at once, and letting it go on. The callers are administrators."""

from __future__ import annotations

from ..domain.errors import InvalidRequest
from ..ports.trading import HaltableWorld, World

MAX_REASON_LENGTH = 200


class Halting:
    """The switch of a world. Both methods raise InvalidRequest, TemporarilyUnavailable."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def halt(self, reason: str) -> str | None:
        """Stop trading; why it is halted now. Orders fail with this reason meanwhile."""
        if not (0 < len(reason) <= MAX_REASON_LENGTH and reason.isprintable()):
            raise InvalidRequest(
                f"A reason is 1 to {MAX_REASON_LENGTH} printable characters.", code="INVALID_REASON"
            )
        return await self._switch().set_halt(reason)

    async def resume(self) -> str | None:
        """Go on trading; why it is halted still, None if it is not."""
        return await self._switch().set_halt(None)

    def _switch(self) -> HaltableWorld:
        if not isinstance(self._world, HaltableWorld):
            raise InvalidRequest("This engine's world can't be halted.", code="NOT_HALTABLE")
        return self._world
