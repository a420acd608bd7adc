"""The engine under test: the one that the environment names, or `python -m local up` in its own process.

    ENGINE_HTTP_URL, ENGINE_WS_URL                    a deployed engine, with FAULTS as its SIM_FAULTS
    ENGINE_API_KEY                                    what it takes from its clients, if it takes keys
    ENGINE_CALLS_AT_ONCE                              how many requests and handshakes it takes at a time
    ENGINE_PROXIED                                    how many of `local up` a proxy serves there (see two.py)
    DATABASE_URL, REDIS_URL, ORDERS_…_URL             what lies behind it, for the tests that count there

Of an engine that is started here, all of it is read from the file that `up` leaves for a second terminal.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import httpx

from local import ROOT
from local.landed import wallet_of
from local.services import erase, find_running
from tests import commands

STARTS_WITHIN_S = 40.0  # with an empty folder, on a machine that is busy with other things
STOPS_WITHIN_S = 30.0

# Each token has a fault of its own, so that one engine serves the tests of all of them. SOL, USDC, USDT and
# BONK are sound.
FAULTS = "; ".join(
    (
        "quote-timeout token=COPE times=2",
        "quote-timeout token=FIDA",
        "slippage token=RAY times=1",
        "send-dropped token=JUP times=1",
        "reply-lost token=JTO times=1",
    )
)
# A relay serves so briefly that every test may see one hand over to the next.
SETTINGS = {"SIM_FAULTS": FAULTS, "SIM_LATENCY": "0.05", "RELAY_SECONDS": "5"}
# A blockhash lives for 3 s, and what has landed is finalized after 0.6 s.
SOLANA = {"WORLD": "solana", "SIM_SLOT_MS": "20"}


@dataclass(frozen=True)
class Engine:
    """Where an engine is reached; empty where it can't be looked into."""

    http_url: str
    ws_url: str
    database_url: str = ""
    queue_url: str = ""
    dead_letter_url: str = ""
    redis_url: str = ""
    state: Path | None = None
    calls_at_once: int = 100  # that a client may make: as many as a machine with an emulator has room for
    solana_url: str = ""  # of the node that it trades on; empty where the chain is simulated
    wallet: str = ""  # on that chain
    proxied: int = 0  # engines with our own gateway that a proxy stands in front of
    api_key: str = ""  # that every request is made with; empty where the engine is open

    @property
    def headers(self) -> dict[str, str]:
        """What a request says of who makes it."""
        return {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}

    @property
    def is_local(self) -> bool:
        """Whether our own gateway stands in front of it, and not API Gateway."""
        return self.state is not None

    @property
    def takes_handshakes(self) -> bool:
        """Whether a handshake is refused by our own gateway, which gives the reason on the connection."""
        return self.is_local or self.proxied > 0

    @property
    def shows_its_inside(self) -> bool:
        """Whether orders and messages can be counted where they are kept."""
        return bool(self.database_url and self.queue_url)

    def socket_url(self, address: str = "", **parameters: object) -> str:
        """`address`, as the engine gave it, or the WebSocket API's own, with `parameters`.

        Without its ticket, which counts once: our clients have the key, as a browser has not.
        """
        url = urlsplit(urljoin(self.ws_url, address))
        given = {name: value for name, value in parse_qsl(url.query) if name != "ticket" or not self.api_key}
        return url._replace(query=urlencode({**given, **parameters})).geturl()


def deployed(environ: Mapping[str, str] = os.environ) -> Engine | None:
    """The engine that the environment names, or None."""
    if not environ.get("ENGINE_HTTP_URL"):
        return None
    return Engine(
        environ["ENGINE_HTTP_URL"].rstrip("/"),
        environ["ENGINE_WS_URL"],
        environ.get("DATABASE_URL", ""),
        environ.get("ORDERS_QUEUE_URL", ""),
        environ.get("ORDERS_DLQ_URL", ""),
        environ.get("REDIS_URL", ""),
        calls_at_once=int(environ.get("ENGINE_CALLS_AT_ONCE", "100")),
        proxied=int(environ.get("ENGINE_PROXIED", "0")),
        api_key=environ.get("ENGINE_API_KEY", ""),
    )


class LocalEngine:
    """`up` on a folder of its own, with `settings`; as a context manager it starts, stops and cleans up."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        # Not pytest's folder, which root's Postgres user can't enter.
        self.state = Path(tempfile.mkdtemp(prefix="order-engine-e2e-"))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environ = {**os.environ, **settings, "PYTHONPATH": str(ROOT)}
        self._log = self.state / "engine.log"
        self._begin = 0  # of what it has said since its last start
        self._process: commands.Command | None = None

    @property
    def pid(self) -> int:
        """The engine's process."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """What it has said since it was first started."""
        return self._log.read_text()

    def start(self) -> Engine:
        """Start it, unless it runs, and wait until it serves."""
        if not self.is_running:
            self._launch()
        self._await_health(time.monotonic() + STARTS_WITHIN_S)
        endpoints = find_running(self.state)
        assert endpoints is not None
        return Engine(
            self.url,
            f"ws://127.0.0.1:{self.port}/api/orders/execute",
            endpoints.database_url,
            endpoints.queue_url,
            endpoints.dead_letter_url,
            endpoints.redis_url,
            self.state,
            **solana(endpoints.chain),
        )

    def stop(self) -> int:
        """Ask it to stop, as Ctrl-C and `kill` do; its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        """End it as the kernel would that runs out of memory."""
        return self._end(signal.SIGKILL)

    def __enter__(self) -> LocalEngine:
        return self

    def __exit__(self, *raised: object) -> None:
        if self.is_running:
            self.stop()
        erase(self.state)
        shutil.rmtree(self.state)

    def _launch(self) -> None:
        up = ("up", "--port", str(self.port), "--state", str(self.state))
        with self._log.open("ab") as log:
            self._begin = log.tell()
            self._process = commands.start(*up, environ=self._environ, output=log)

    @property
    def _serves(self) -> bool:
        """Whether it has said so since its last start."""
        return b"serving on " in self._log.read_bytes()[self._begin :]

    def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        try:
            return self._process.wait(STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise AssertionError(f"it does not stop on {number.name}:\n{self.log}") from None

    def _await_health(self, deadline: float) -> None:
        """Wait until it serves. Its gateway answers before: a worker that is killed then ends its start."""
        assert self._process is not None
        with httpx.Client(trust_env=False) as http:
            while True:
                try:
                    if self._serves and http.get(f"{self.url}/health").status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"the engine does not start:\n{self.log}")
                time.sleep(0.05)


def solana(chain: Mapping[str, str]) -> dict[str, Any]:
    """Where the node is that the engine trades on, and its wallet there, as fields of an `Engine`."""
    if "SOLANA_KEY_FILE" not in chain:
        return {}
    return {"solana_url": chain["SOLANA_RPC_URLS"], "wallet": wallet_of(Path(chain["SOLANA_KEY_FILE"]))}


def free_port() -> int:
    """A port that no process listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
