"""The function that a deployment invokes once its code is there. Where it raises, the deployment stops."""

from __future__ import annotations

import logging
from typing import Any

from .. import runtime

log = logging.getLogger(__name__)

WAKING_S = 60.0  # a database that pauses when it is not used takes up to half of that to resume


def migrate() -> dict[str, Any]:
    """Bring the database to this version's schema: `{"applied": [name, …]}`."""
    applied = runtime.current().migrate(patience_s=WAKING_S)
    log.info("migrated applied=%s", ",".join(applied))
    return {"applied": applied}
