"""The engine in three processes and its three servers, each of which can be killed.

The servers belong to the test, so that it decides when one that was killed comes back; the engine is
`up --separate`, attached to them, and starts its own processes again by itself.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from chalicelib.domain.account import LOCAL

from local import ROOT
from local.endpoints import local_credentials
from local.servers import Server
from local.services import Endpoints, Services, find_running
from tests.e2e.engine import Engine, LocalEngine, solana
from tests.faults.resting import REFUSED, SEED

PROCESSES = ("gateway", "worker", "relay")
SERVERS = ("postgres", "valkey", "sqs", "solana")
TARGETS = (*PROCESSES, "postgres", "valkey", "sqs")
SOLANA_TARGETS = (*TARGETS, "solana")

GATEWAY = "faults"

# Times are short, so that what was lost is found within seconds; a blockhash lives for three of them. RAY
# always slips and so fails, replies about JTO are lost, one in ten JUP transactions is dropped, COPE is slow.
# Half of the swaps of FIDA are refused, as if its price had jumped back since the order fired.
SETTINGS = {
    "SIM_SEED": SEED,
    "SIM_LATENCY": "0.08",
    "SIM_SLOT_MS": "100",
    "SIM_BLOCKHASH_SLOTS": "30",
    "SIM_FAULTS": (
        "slippage token=RAY; reply-lost token=JTO times=1; send-dropped token=JUP rate=0.1; "
        f"quote-timeout token=COPE times=2; slippage token={REFUSED} rate=0.5"
    ),
    "QUOTE_TIMEOUT_MS": "2000",
    "RETRY_BASE_MS": "100",
    "CONFIRM_TIMEOUT_MS": "1500",
    "LEASE_MS": "2000",
    "SWEEP_AFTER_MS": "1500",
    "TRIGGER_POLL_MS": "100",
    "RELAY_LEASE_MS": "1000",
    "RELAY_POLL_MS": "500",
    "GATEWAY_ID": GATEWAY,  # which a second relay serves as well
}
# The same on a Solana node, whose blockhashes live for 3 s. Now and then it is silent, late or busy, it
# withdraws quotes of BONK, and prepares transactions of USDT that can't land.
SOLANA = {
    "WORLD": "solana",
    "SIM_SLOT_MS": "20",
    "SIM_FAULTS": "; ".join(
        (
            SETTINGS["SIM_FAULTS"],
            "quote-withdrawn token=BONK rate=0.2",
            "blockhash-expired token=USDT rate=0.2",
            "rpc-silent method=getSignatureStatuses rate=0.01",
            "rpc-late method=sendTransaction rate=0.02",
            "rate-limited method=getEpochInfo rate=0.02",
            "rate-limited method=order rate=0.05",
        )
    ),
}
# All clients of a round share an address, and each asks now and then whether its socket is known.
WITH_KEYS = {"ENGINE_AUTH": "keys", "RATE_LIMIT_PER_S": "2000", "RATE_BURST": "2000"}
ACCOUNTS = ("alice", "bob")
COMES_BACK_WITHIN_S = 20.0


class World:
    """A context manager: all of it started, and at the end all of it gone.

    With `accounts` the engine takes keys: `engines` is the engine as each account sees it, with its own key.
    """

    def __init__(self, *accounts: str, **settings: str) -> None:
        keyed = WITH_KEYS if accounts else {}
        self._settings = {**SETTINGS, "ENGINE_SEPARATE": "1", **keyed, **settings}
        self._accounts = accounts
        chain = (*SOLANA, "SIM_SEED", "SIM_LATENCY") if "WORLD" in settings else ()
        environ = local_credentials({}) | {name: self._settings[name] for name in chain}
        self._services = Services(None, environ=environ, durable=False)
        self._local: LocalEngine
        self._killed: dict[str, int] = {}
        self.engine: Engine
        self.engines: dict[str, Engine]  # by account; of an open engine the one that there is

    def __enter__(self) -> World:
        endpoints = self._services.start()
        try:
            self._local = LocalEngine({**self._settings, **endpoints.environment()})
            self.engine = replace(self._local.start(), **solana(endpoints.chain))
            self.engines = {account: self._with_key(account) for account in self._accounts}
            self.engines = self.engines or {LOCAL.id: self.engine}
        except BaseException:
            self._services.stop()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        try:
            self._local.__exit__(*raised)
        finally:
            self._services.stop()

    @property
    def is_running(self) -> bool:
        """Whether its supervisor has not ended."""
        return self._local.is_running

    @property
    def log(self) -> str:
        """What the engine and its processes have said."""
        return self._local.log

    @property
    def endpoints(self) -> Endpoints:
        """Where the servers are."""
        return self._services.endpoints

    @property
    def supervisor(self) -> int:
        """The process that keeps the others running."""
        return self._local.pid

    def kill(self, target: str) -> None:
        """End it as the kernel would that runs out of memory; one of the engine's processes comes back."""
        if target in SERVERS:
            self._server(target).kill()
        else:
            self._killed[target] = self.pid(target)
            os.kill(self._killed[target], signal.SIGKILL)

    def revive(self, target: str) -> None:
        """Start a killed server again, on the same port; Valkey and SQS have forgotten everything."""
        self._server(target).start()

    @contextmanager
    def stalled(self, target: str) -> Iterator[None]:
        """A server that takes what it is sent and answers nothing, while the block runs."""
        pid = self._server(target).pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    @contextmanager
    def paused(self, target: str) -> Iterator[None]:
        """A process of the engine is stopped until the block ends."""
        pid = self.pid(target)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    @contextmanager
    def another_relay(self) -> Iterator[None]:
        """A second relay's process beside the supervised one, while the block runs."""
        running = find_running(self._local.state)
        assert running is not None
        state = self._local.state / "another"  # no two processes write one log
        state.mkdir(exist_ok=True)
        environ = {
            **os.environ,
            **self._settings,
            **running.environment(),
            "ENGINE_STATE": str(state),
            "WEBSOCKET_ENDPOINT": self.engine.http_url,
            "PYTHONPATH": str(ROOT),
        }
        command = [sys.executable, "-P", "-m", "local.separate", "relay"]
        with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE) as relay:
            assert relay.stdout is not None
            assert relay.stdout.readline() == b"serving\n"
            try:
                yield
            finally:
                relay.terminate()

    def memory_mb(self, target: str) -> float:
        """What the engine's process holds in memory."""
        pages = int(Path(f"/proc/{self.pid(target)}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def pid(self, target: str) -> int:
        """The number of the engine's process, once one runs that was not killed here."""
        deadline = time.monotonic() + COMES_BACK_WITHIN_S
        while time.monotonic() < deadline:
            text = self._pid_file(target).read_text()
            if text and int(text) != self._killed.get(target):
                return int(text)
            time.sleep(0.01)
        raise AssertionError(f"the {target} was not started again:\n{self.log}")

    def _with_key(self, account: str) -> Engine:
        """The engine, as a new key of the account sees it."""
        create = [sys.executable, "-P", "-m", "local", "keys", "create", account, "--json"]
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        made = subprocess.run(
            [*create, "--state", str(self._local.state)], env=environ, capture_output=True, check=True
        )
        return replace(self.engine, api_key=json.loads(made.stdout)["key"])

    def _pid_file(self, target: str) -> Path:
        assert self.engine.state is not None
        return self.engine.state / f"{target}.pid"

    def _server(self, target: str) -> Server:
        server = getattr(self._services, target)
        assert isinstance(server, Server)
        return server
