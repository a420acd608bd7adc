"""`python -m local.separate ROLE [DESCRIPTOR]`: one of the three processes, under its supervisor.

Its settings are in the environment. It says on standard output, in one line, when it serves.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import partial

from chalicelib.config import Config

from ..cli.stopping import Stopped, signals
from ..logs import log_to_stderr
from ..loop import run_on_loop
from .processes import ROLES


def main(role: str, *descriptors: str) -> None:
    """Play `role` until a signal ends it."""
    log_to_stderr(os.environ.get("LOG_LEVEL", "WARNING"), process=role)
    config = Config.load()
    with signals(lambda: None) as stopping:
        play = partial(ROLES[role], config, stopping, _say_that_it_serves, *map(int, descriptors))
        with suppress(Stopped):
            run_on_loop(play)


def _say_that_it_serves() -> None:
    print("serving", flush=True)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever else is printed is for people


if __name__ == "__main__":
    main(*sys.argv[1:])
