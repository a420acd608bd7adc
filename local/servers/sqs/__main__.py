"""`python -m local.servers.sqs --port … --journal …`: the server as a process, with the engine's queues.

AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are the key that its clients must sign with.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from ...process import run_on_loop
from ...signatures import AccessKey
from ..queues import QueueSettings, declare_queues
from .broker import Broker
from .journal import Journal, JournalError
from .server import listen, serving


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; 1 when it cannot."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    options = _options().parse_args(arguments)
    key = AccessKey.given(os.environ)
    if key is None:
        print("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must say who may use it", file=sys.stderr)
        return 1
    try:
        run_on_loop(lambda: _serve(options, key))
    except (OSError, JournalError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _options() -> argparse.ArgumentParser:
    defaults = QueueSettings()
    parser = argparse.ArgumentParser(prog="python -m local.servers.sqs", description=__doc__)
    parser.add_argument("--port", type=int, default=9324, help="on 127.0.0.1; 0 is any that is free")
    parser.add_argument("--journal", type=Path, help="where messages survive; without it they are in memory")
    parser.add_argument("--region", default="us-east-1", help="the region in the queues' ARNs")
    parser.add_argument("--visibility-timeout", type=int, default=defaults.visibility_timeout, help="seconds")
    parser.add_argument("--max-receive-count", type=int, default=defaults.max_receive_count)
    return parser


async def _serve(options: argparse.Namespace, key: AccessKey) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    listening = listen(options.port)  # first, so that a taken port leaves the journal alone
    broker = Broker(Journal(options.journal), region=options.region)
    declare_queues(broker, QueueSettings(options.visibility_timeout, options.max_receive_count))
    async with serving(broker, listening, key) as url:
        print(url, flush=True)
        await stop.wait()
    broker.close()


if __name__ == "__main__":
    sys.exit(main())
