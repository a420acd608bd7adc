"""A detector of new tokens, in the shape of a real one: a queue that what it sees on the chain goes into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..domain.launch import Launch


class Launches(Protocol):
    """Tells of each launch at least once; of some twice or more, and of a pool perhaps long before it opens.

    Each method may raise TemporarilyUnavailable, OSError or TimeoutError.
    """

    async def detected(self, limit: int) -> Sequence[Launch]:
        """Up to `limit` launches that are still to be taken. They stay, for the next that asks."""

    async def take(self, launches: Sequence[Launch]) -> None:
        """The caller has stored these; they need not be reported again, though they may be."""
