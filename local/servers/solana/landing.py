"""The timer that lands transactions when they are due."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from .ledger import Ledger

log = logging.getLogger(__name__)


class Landing:
    """One timer on the running loop. Each landing sets it again while transactions are pending.

    After a landing that fails, the VM and the journal differ, and nothing lands any more. `on_failure` has to
    stop the process; the next one restores the VM from the journal.
    """

    def __init__(self, ledger: Ledger, on_failure: Callable[[], object]) -> None:
        self._ledger = ledger
        self._on_failure = on_failure
        self._timer: asyncio.TimerHandle | None = None

    def schedule(self) -> None:
        """Set the timer for the next transaction that is due, unless it is set."""
        due_ms = self._ledger.due_ms
        if self._timer is None and due_ms is not None:
            delay = max(0, due_ms - self._ledger.now_ms) / 1000
            self._timer = asyncio.get_running_loop().call_later(delay, self._land)

    def _land(self) -> None:
        try:
            self._ledger.land()
        except BaseException:  # solders reports a panic of the VM with one that is no Exception
            log.exception("solana: landing failed")
            self._on_failure()
        else:
            self._timer = None
            self.schedule()
