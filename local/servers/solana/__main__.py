"""`python -m local.servers.solana --port … --folder …`: the node as a process.

The folder keeps the ledger, and in `wallet.json` the key of the funded trading wallet.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from ...environments import add_packages
from ...errors import ServiceError
from ...process import run_on_loop


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; 1 when it cannot."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    options = _options().parse_args(arguments)
    try:
        options.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        add_packages("solana")
        run_on_loop(lambda: _serve(options))
    except (OSError, ServiceError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.servers.solana", description=__doc__)
    parser.add_argument("--port", type=int, default=8899, help="port on 127.0.0.1; 0 chooses a free one")
    parser.add_argument("--folder", type=Path, required=True, help="keeps the ledger and the wallet")
    parser.add_argument("--slot-ms", type=_at_least(1), default=400, help="length of a slot, milliseconds")
    parser.add_argument(
        "--landing-ms", type=_at_least(0), default=2500, help="time from send to landing, milliseconds"
    )
    parser.add_argument(
        "--seed", default="solana", help="seed of the blockhashes, the prices and the maker's key"
    )
    parser.add_argument("--faults", default="", help="rules of injected faults; see faults.py")
    return parser


def _at_least(least: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"must be a whole number from {least}")
        return int(text)

    return read


async def _serve(options: argparse.Namespace) -> None:
    from ..sqs.server import listen
    from .node import Settings, serving  # imports solders

    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    listening = listen(options.port)
    settings = Settings(options.seed, options.slot_ms, options.landing_ms, options.faults)
    async with serving(options.folder, listening, settings, on_failure=stop.set) as url:
        print(url, flush=True)
        await stop.wait()


if __name__ == "__main__":
    sys.exit(main())
