"""`emulator`: AWS on this machine, for `./infra/deploy local`."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from ..emulator import Cloud
from ..gateway import listen
from ..process import Stopped, signals

NEXT = """
Next, in another terminal:
  deploy   ./infra/deploy {deployment}
  destroy  ./infra/destroy local --endpoint-url {url}

All of it is forgotten when this ends. Ctrl-C stops."""


@click.command()
@click.option(
    "--port", type=click.IntRange(1, 65535), default=4566, show_default=True, help="Port to listen on."
)
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the servers' files; a temporary one unless given.",
)
def emulator(port: int, state: Path | None) -> None:
    """Start an emulator of AWS, with a Postgres and a Valkey for what is deployed into it.

    \b
    Example: ./local/run emulator --port 4570
    """
    try:
        with signals(lambda: click.echo("\nstopping …")) as stopping:
            listen("127.0.0.1", port).close()  # before anything is started for nothing
            click.echo("starting the servers …")
            with Cloud(state, port=port, on_progress=lambda line: click.echo(f"  {line}")) as cloud:
                deployment = shlex.join(cloud.deployment)
                click.echo(NEXT.format(deployment=deployment, url=cloud.emulator.url))
                stopping.wait()
    except Stopped:
        click.echo("stopped")
