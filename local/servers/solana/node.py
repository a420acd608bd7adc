"""The parts put together: a ledger from its folder, its JSON-RPC and its maker, served on a socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from chalicelib.simulation.slots import Slots

from .account_methods import AccountMethods
from .app import App, Protocol
from .chain_methods import ChainMethods
from .faults import Faults
from .genesis import create_missing_accounts, derived_key, wallet_key
from .journal import Journal
from .landing import Landing
from .ledger import BLOCKHASH_SLOTS, Ledger
from .maker import Maker
from .rpc import Rpc
from .transaction_methods import TransactionMethods


@dataclass(frozen=True, slots=True)
class Settings:
    """A node's settings; times in milliseconds, `faults` as faults.py describes them."""

    seed: str
    slot_ms: int
    landing_ms: int
    faults: str = ""


@contextlib.asynccontextmanager
async def serving(
    folder: Path, listening: socket.socket, settings: Settings, on_failure: Callable[[], object]
) -> AsyncIterator[str]:
    """Serve the chain in `folder`, which exists, until the block ends; yields its URL.

    `on_failure` is called when transactions can no longer land; then leave the block. Raises OSError,
    ValueError, ServiceError.
    """
    faults = Faults(settings.faults)
    with contextlib.closing(Journal(folder / "ledger", settings.slot_ms)) as journal:
        slots = Slots(settings.seed, settings.slot_ms, BLOCKHASH_SLOTS)
        ledger = Ledger(journal, slots, settings.landing_ms, _now_ms)
        maker, faucet = derived_key("maker", settings.seed), derived_key("faucet", settings.seed)
        wallet = wallet_key(folder / "wallet.json")
        create_missing_accounts(ledger, wallet.pubkey(), maker.pubkey(), faucet.pubkey())
        rpc = Rpc(
            ChainMethods(ledger, settings.seed).methods
            | AccountMethods(ledger).methods
            | TransactionMethods(ledger, faults, faucet).methods
        )
        landing = Landing(ledger, on_failure)
        landing.schedule()  # transactions that were pending when the last process ended
        app = App(rpc, Maker(ledger, faults, maker, settings.seed), faults, landing)
        server = _Server(_config(app))
        running = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running


def _now_ms() -> int:
    return time.time_ns() // 10**6


def _config(app: App) -> uvicorn.Config:
    return uvicorn.Config(
        app.asgi(),
        http=Protocol,
        ws="none",
        loop="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=120,
        timeout_graceful_shutdown=1,
    )


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # the process handles its signals itself
