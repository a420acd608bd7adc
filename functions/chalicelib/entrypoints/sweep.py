"""The scheduled sweep."""

from __future__ import annotations

import logging

from .. import runtime

log = logging.getLogger(__name__)


def sweep() -> int:
    """Queue again what cannot be in the queue; how many orders that were."""
    swept = runtime.run(runtime.current().sweep.run())
    counts = ", ".join(f"{reason} {count}" for reason, count in sorted(swept.items()))
    level = logging.WARNING if swept else logging.INFO
    log.log(level, "%d orders were queued again%s", swept.total(), f": {counts}" if counts else "")
    return swept.total()
