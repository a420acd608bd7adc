"""Our engine as a user starts it: `python -m local up`, of this checkout or of another one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from local import ROOT
from local.landed import landed, wallet_of

from ..database import connected
from ..servers import find_running
from .engine import Engine, EngineError, Program

# A backlog of 50,000 orders is past what one client may have under way, which is not what is measured.
SEED = "solana"
SETTINGS = {
    "MAX_OUTSTANDING_ORDERS": "1000000",
    "RATE_LIMIT_PER_S": "1000000",  # counted, and never reached
    "RATE_BURST": "1000000",
    "SIM_FAULTS": "",
    "SIM_SEED": SEED,
    "LOG_LEVEL": "WARNING",
    "DATABASE_URL": "",  # not from .env
    "REDIS_URL": "",
    "AWS_ENDPOINT_URL": "",
}
SLOT_MS = "10"
"""Of a Solana node: what has landed is confirmed one slot later."""
SWEPT = re.compile(r"sweep queued=(\d+)|(\d+) (?:overdue )?orders were queued again")  # older: the second

WRONG_SWAPS = """
SELECT count(*) FROM unnest(%s::text[]) AS asked (id)
WHERE (SELECT count(*) FROM sim.swaps WHERE memo = asked.id) <> 1
"""


@dataclass(frozen=True)
class Ours:
    """How to start it."""

    key: str = "ours"
    separate: bool = False
    root: Path = ROOT
    takes_keys: bool = False
    world: str = "simulated"

    @property
    def label(self) -> str:
        """For the table."""
        name = "ours" if self.root == ROOT else self.root.name
        name = f"{name} with keys" if self.takes_keys else name
        name = f"{name} on Solana" if self.world == "solana" else name
        return f"{name} --separate" if self.separate else name

    @property
    def python(self) -> str:
        """The interpreter of its checkout."""
        return sys.executable if self.root == ROOT else str(self.root / ".venv" / "bin" / "python")

    @contextmanager
    def running(
        self, state: Path, latency: float = 0.0, settings: Mapping[str, str] = MappingProxyType({})
    ) -> Iterator[Engine]:
        """Start it on a folder; it runs while the block does. Raises EngineError."""
        command = [self.python, "-P", "-m", "local", "up", "--port", "0", "--state", str(state)]
        command += ["--separate"] if self.separate else []
        command += ["--auth", "keys"] if self.takes_keys else []
        if self.world == "solana":
            command += ["--world", self.world]
            settings = {"SIM_SLOT_MS": SLOT_MS, **settings}
        environ = SETTINGS | {"PYTHONPATH": str(self.root), "SIM_LATENCY": f"{latency:g}", **settings}
        program = Program(command, environ, self.root, state / "engine.log")
        try:
            running = _Running(program, state)
            if self.takes_keys:
                os.environ["ENGINE_API_KEY"] = new_key(state, "bench")  # for the load clients
            yield running
        finally:
            os.environ.pop("ENGINE_API_KEY", None)
            program.stop()


def new_key(state: Path, account: str) -> str:
    """A key of an account of the engine that runs on the folder."""
    command = [
        sys.executable,
        "-P",
        "-m",
        "local",
        "keys",
        "create",
        account,
        "--json",
        "--state",
        str(state),
    ]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    return str(json.loads(made.stdout)["key"])


class _Running(Engine):
    def __init__(self, program: Program, state: Path) -> None:
        self._program = program
        self.url = program.url()
        endpoints = find_running(state)
        if endpoints is None:
            raise EngineError(f"the engine has ended:\n{program.output}")
        self.database_url = endpoints.database_url
        self.redis_url = endpoints.redis_url
        self.chain = endpoints.chain
        self.pids = (program.pid,)

    def queued_again(self) -> int | None:
        """From what the sweep logs."""
        return sum(int(now or before) for now, before in SWEPT.findall(self._program.output))

    def wrong_swaps(self, order_ids: list[str]) -> int | None:
        """From the chain itself: orders without exactly one landed swap."""
        if self.chain:
            wallet = wallet_of(Path(self.chain["SOLANA_KEY_FILE"]))
            found = Counter(order_id for order_id, _ in landed(self.chain["SOLANA_RPC_URLS"], wallet))
            return sum(found[order_id] != 1 for order_id in order_ids)
        with connected(self.database_url) as connection:
            row = connection.execute(WRONG_SWAPS, [order_ids]).fetchone()
        return int(row[0]) if row else None
