"""`python -m local COMMAND`"""

from __future__ import annotations

import gc

gc.set_threshold(100_000, 50, 50)  # most of what is made while modules are imported stays: a tenth of a start

from .cli import COMPLETE, cli  # noqa: E402

if __name__ == "__main__":
    cli(prog_name="./local/run", complete_var=COMPLETE)
