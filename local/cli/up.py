"""`up`: settings → port → servers → engine, and all of it stopped in the opposite order."""

from __future__ import annotations

import asyncio
import time
from contextlib import nullcontext, suppress
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import click
from chalicelib.api.wire.schemas import SUBMIT_PATH
from chalicelib.config import Config

from ..endpoints import publish_url
from ..engine import Engine
from ..gateway import GatewaySettings, listen
from ..log_file import logging_to
from ..pepper import pepper
from ..process import Stopped, Stopping, run_on_loop, signals
from ..separate import SeparateEngine
from ..separate.reload import reload_on_change
from ..services import Services, erase, has_attached
from ..settings import BEGAN, STATE, check_faults, settings
from ..terminal import log_to_stderr, masked
from ..tracing import TRACE, tracing_to
from ..world import check, prepare
from . import machine

OPEN = "open: every client that reaches this address may trade and see every order, as the account `local`"
KEYS = "takes API keys: ./local/run keys create ACCOUNT{option}, then send it, or export ENGINE_API_KEY=KEY"
NEXT = """
Next, in another terminal:
  submit  curl -X POST {url}{submit_path} -H 'Content-Type: application/json' \\
            -d '{{"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1.5}}'
  watch   ./local/run watch ORDER_ID{option}, or {url} in a browser
  both    ./local/run submit SOL USDC 1.5 --watch{option}
  quote   curl '{url}/api/quote?tokenIn=SOL&tokenOut=USDC&amount=1.5'
  list    ./local/run orders{option}
          ./local/run dlq list{option}

Orders are kept in {state}/ until you start with --fresh. Ctrl-C stops.
"""


@click.command()
@click.option(
    "--host",
    envvar="ENGINE_HOST",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on. Any other lets other machines in, and so needs --auth; 0.0.0.0 is for a "
    "container whose port is published with care.",
)
@click.option(
    "--port",
    envvar="PORT",
    type=click.IntRange(0, 65535),
    default=3000,
    show_default=True,
    help="Port to listen on; 0 is a free one.",
)
@click.option(
    "--auth",
    "engine_auth",
    type=click.Choice(["open", "keys"]),
    help="Who may use it: everybody who reaches it, or who has an API key (./local/run keys).  "
    "[default: open; on another --host there is none]",
)
@click.option("--fresh", is_flag=True, help="Forget all orders first: empty the folder.")
@click.option(
    "--separate",
    envvar="ENGINE_SEPARATE",
    is_flag=True,
    help="Gateway, worker and relay in processes of their own, each started again when it dies.",
)
@click.option(
    "--reload",
    "reloads",
    is_flag=True,
    help="Start the processes again, as --separate has them, when a file of functions/ is saved.",
)
@click.option(
    "--trace",
    envvar=TRACE,
    is_flag=True,
    help="Record spans for ./local/run trace; also recorded where OTEL_EXPORTER_OTLP_ENDPOINT has them sent.",
)
@machine.state
@machine.world
@machine.log_level
def up(
    host: str,
    port: int,
    engine_auth: str | None,
    fresh: bool,
    separate: bool,
    reloads: bool,
    trace: bool,
    state: Path,
    world: str | None,
    latency: float | None,
    faults: str | None,
    log_level: str,
    log_format: str,
    verbose: bool,
) -> None:
    """Start the engine and all that it needs.

    \b
    Example: ./local/run up --port 4000 --latency 0.1
    """
    level = "INFO" if verbose else log_level
    log_to_stderr(level, form=log_format)
    environ = settings(
        world=world,
        sim_latency=latency,
        sim_faults=faults,
        log_level=level,
        log_format=log_format,
        engine_auth=engine_auth,
        engine_host=host,
        engine_trace=int(trace),
    )
    if "ENGINE_AUTH" not in environ and not _is_loopback(host):
        raise click.UsageError(
            f"On {host} other machines reach the engine: say --auth keys, or --auth open if they all may "
            "trade and see every order."
        )
    try:
        with signals(lambda: _say("\nstopping … (Ctrl-C again: at once)")) as stopping:
            _run(
                (host, port),
                state,
                environ,
                stopping,
                fresh=fresh,
                separate=separate or reloads,
                reloads=reloads,
            )
    except Stopped:
        pass
    _say(f"stopped; your data is in {_shown(state)}/")


def _run(
    address: tuple[str, int],
    state: Path,
    environ: dict[str, str],
    stopping: Stopping,
    *,
    fresh: bool,
    separate: bool,
    reloads: bool,
) -> None:
    config = Config.load(environ)
    check_faults(config)
    prepare(config)
    takes_keys = config.engine_auth == "keys"
    with listen(*address) as listening:
        if fresh:
            yours = "; servers of your own are left as they are" if has_attached(environ) else ""
            erase(state)
            _say(f"emptied {_shown(state)}/{yours}")
        if takes_keys and not config.key_pepper_secret:
            environ = {**environ, "KEY_PEPPER": pepper(state, environ)}
            config = replace(config, key_pepper=environ["KEY_PEPPER"])
        _say("starting the servers …")
        traced = nullcontext() if separate else tracing_to(state, "engine", environ)
        servers = Services(
            state,
            environ=environ,
            hosts_sqs=not separate,
            on_progress=lambda line: _say(f"  {line}"),
        )
        with servers as services, logging_to(state, "engine"), traced:

            async def serve() -> None:
                endpoints = services.endpoints
                await check(endpoints.configure(config))
                chosen = (
                    SeparateEngine(config, endpoints, listening=listening, state=state, environ=environ)
                    if separate
                    else Engine(
                        config,
                        endpoints,
                        listening=listening,
                        sqs=services.hosted_sqs,
                        settings=GatewaySettings.load(environ),
                    )
                )
                async with chosen as engine:
                    publish_url(engine.url, state)
                    _greet(engine, state, takes_keys=takes_keys)
                    await stopping.unless(_until_it_ends(engine, reloads=reloads))

            run_on_loop(serve)


async def _until_it_ends(engine: Engine | SeparateEngine, *, reloads: bool) -> None:
    if not (reloads and isinstance(engine, SeparateEngine)):
        return await engine.ended()
    reloading = asyncio.create_task(reload_on_change(engine, _say))
    try:
        await engine.ended()
    finally:
        reloading.cancel()
        await asyncio.gather(reloading, return_exceptions=True)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _greet(engine: Engine | SeparateEngine, state: Path, *, takes_keys: bool) -> None:
    for name in engine.migrations:
        _say(f"  schema: {name} applied")
    shown = _shown(state)
    option = "" if state == STATE else f" --state {shown}"
    _say(KEYS.format(option=option) if takes_keys else OPEN)
    _say(NEXT.format(url=engine.url, submit_path=SUBMIT_PATH, option=option, state=shown))
    _say(f"serving on {engine.url} after {time.monotonic() - BEGAN:.1f} s")


def _shown(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _say(line: str) -> None:
    with suppress(BrokenPipeError):  # no one reads it any more: the engine serves on, and stops when it is to
        click.echo(masked(line))
