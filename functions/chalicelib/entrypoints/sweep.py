"""The scheduled sweep."""

from __future__ import annotations

import logging

from .. import runtime

log = logging.getLogger(__name__)


def sweep() -> int:
    """Queue again what is overdue; how many orders that were."""
    swept = runtime.run(runtime.current().sweep.run())
    log.log(logging.WARNING if swept else logging.INFO, "%d overdue orders were queued again", swept)
    return swept
