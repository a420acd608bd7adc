"""One function's process, as Lambda starts it: `python cold_start_process.py FUNCTION`.

It has the function's environment. It imports `app`, then calls the function for each event, a line of JSON
on stdin. The last line of stdout has the duration and imports of the start, and of the calls the further
imports and the results.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any


class Context:
    """As much of Lambda's context as the functions use."""

    def __init__(self, remaining_s: float) -> None:
        self._deadline = time.monotonic() + remaining_s

    def get_remaining_time_in_millis(self) -> int:
        return int((self._deadline - time.monotonic()) * 1000)


def main(function: str) -> dict[str, Any]:
    os.environ["_HANDLER"] = f"app.{function}"
    here = set(sys.modules)
    began = time.process_time()
    import app

    took_ms = (time.process_time() - began) * 1000
    started = set(sys.modules)
    events = [json.loads(line) for line in sys.stdin]
    answers = [getattr(app, function)(event, Context(remaining_s=10.5)) for event in events]
    return {
        "ms": took_ms,
        "imported": sorted(started - here),
        "late": sorted(set(sys.modules) - started),
        "answers": answers,
    }


if __name__ == "__main__":
    found = main(sys.argv[1])
    print(json.dumps(found), flush=True)
    os._exit(0)  # as Lambda ends a process: without clean-up
