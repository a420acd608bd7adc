"""The relay's role: a schedule that starts a relay wherever there are connections and none runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import app as functions

from ..triggers import Schedule


@asynccontextmanager
async def keeping_relays(every_s: float) -> AsyncIterator[None]:
    """The schedule; the relays themselves run where the functions' launcher starts them."""
    async with Schedule(functions.keep_relays, every_s, name="keep_relays"):
        yield
