"""`deploy`: a stage's file and this folder → a running engine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from . import options
from .aws import connect
from .deployment import Deployment
from .preparation import prepare
from .screen import Screen
from .stage import load
from .stopping import saying_that_nothing_was_sent, saying_what_goes_on

DEFAULT_REGION = "us-east-1"  # whose rules a dry run judges by, if none is given

DONE = """
  HTTP       {HttpUrl}
  WebSocket  {WebSocketUrl}{dashboard}

The first order:
  curl -X POST {HttpUrl}/api/orders/execute -H 'Content-Type: application/json' \\
    -d '{{"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1.5}}'
or, followed to its end:
  ./local/run submit SOL USDC 1.5 --watch --url {HttpUrl}"""


@click.command()
@click.argument("stage")
@options.where
@click.option(
    "--set",
    "settings",
    metavar="NAME=VALUE",
    multiple=True,
    help="A parameter's value, before the stage's file; kept by later deployments until set again.",
)
@click.option(
    "--yes", is_flag=True, help="Agree to changes that delete or replace a database, queue or secret."
)
@click.option(
    "--dry-run", is_flag=True, help="Package and validate only; nothing is sent, no account is needed."
)
@click.option("--no-smoke", is_flag=True, help="Submit no order at the end.")
def deploy(
    stage: str,
    endpoint_url: str | None,
    settings: tuple[str, ...],
    region: str | None,
    profile: str | None,
    yes: bool,
    dry_run: bool,
    no_smoke: bool,
) -> None:
    """Bring STAGE (a file of infra/stages: dev, prod, local) to what this folder says.

    \b
      package   chalice package, merged with infra/templates/engine.yaml; wheels for Lambda
      validate  cfn-lint on every template, with the SAM transform applied
      upload    package and templates into the stage's bucket, if they are not there yet
      network, data, engine
                each template of the stage, through a change set; what an earlier one puts
                out fills the parameter of the same name of a later one
      migrate   the database's schema, by a function of the engine
      smoke     one order over HTTP, followed over the WebSocket until it is confirmed

    A step that fails ends it. If migrate or smoke does, the engine gets its version before.

    \b
    Examples:
      ./infra/deploy dev --region eu-central-1
      ./infra/deploy prod --set AlarmEmail=on-call@example.com
      ./infra/deploy dev --dry-run
      ./local/run emulator      says how to deploy `local` into it
    """
    screen = Screen()
    chosen = load(stage)
    with TemporaryDirectory(prefix="order-engine-") as folder:
        if dry_run:
            judged_by = region or os.environ.get("AWS_REGION") or DEFAULT_REGION
            prepare(chosen, settings, Path(folder), judged_by, screen)
            screen.say("\nNothing was sent.")
            return
        aws = connect(region, profile, endpoint_url)
        screen.say(f"{stage} in {aws.endpoint or aws.region}, {aws.caller()}")
        with saying_that_nothing_was_sent(screen):
            plan = prepare(chosen, settings, Path(folder), aws.region, screen)
        deployment = Deployment(plan, aws, screen, lambda losing: yes or _agree(losing))
        with saying_what_goes_on(aws, stage, screen):
            outputs = deployment.run(with_smoke=not no_smoke)
    dashboard = outputs.get("DashboardUrl")
    shown = f"\n  Dashboard  {dashboard}" if dashboard else ""
    screen.say(DONE.format(**outputs, dashboard=shown))


def _agree(losing: Sequence[str]) -> bool:
    """Ask whether what holds state may go."""
    for line in losing:
        click.echo(f"  {line}", err=True)
    return options.ask("This deletes what they hold. Type yes to go on: ") == "yes"
