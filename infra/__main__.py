"""`python -m infra deploy STAGE`, `python -m infra destroy STAGE`"""

from __future__ import annotations

from .commands import cli

if __name__ == "__main__":
    cli(prog_name="python -m infra")
