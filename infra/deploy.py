"""`deploy`: a stage's file and this repository → package → validate → upload → … → a running engine.

This module prepares: it reads the parameters, builds the package and validates the templates. rollout.py does
the rest, in AWS.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from .aws import connect
from .console import Screen, ask, aws_options, report_nothing_sent, report_running_operations
from .errors import PackageError
from .package import MEGABYTE, Package, build
from .rollout import Plan, Rollout
from .stacks import Stacks
from .stage import ARTIFACTS, Stage, load
from .template import check_names, parse_settings, read
from .validate import validate

DEFAULT_REGION = "us-east-1"  # whose rules --dry-run validates against, unless a region is given

DEPLOYED = """
  HTTP       {HttpUrl}
  WebSocket  {WebSocketUrl}{dashboard}

The first order:
  curl -X POST {HttpUrl}/api/orders/execute -H 'Content-Type: application/json' \\
    -d '{{"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1.5}}'
or with its events:
  ./local/run submit SOL USDC 1.5 --watch --url {HttpUrl}"""


@click.command()
@click.argument("stage")
@aws_options
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
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder for the packaged template.json and deployment.zip, for `sam deploy`.",
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
    output: Path | None,
    no_smoke: bool,
) -> None:
    """Create or update STAGE (a file of infra/stages: dev, prod, local) from this repository.

    \b
      package   chalice package, merged with infra/templates/engine.yaml; wheels for Lambda
      validate  cfn-lint on every template, with the SAM transform applied
      upload    package and templates into the stage's bucket, if they are not there yet
      network, data, engine
                each template of the stage, through a change set; an output of an earlier
                one fills the parameter of the same name of a later one
      migrate   the database's schema, by a function of the engine
      smoke     one order over HTTP, and its events over the WebSocket until it is confirmed

    The first step that fails ends the deployment. If migrate or smoke fails, the engine is
    rolled back to its previous version.

    \b
    Examples:
      ./infra/deploy dev --region eu-central-1
      ./infra/deploy prod --set AlarmEmail=on-call@example.com
      ./infra/deploy dev --dry-run --output .local/sam
      ./local/run emulator      prints the command that deploys `local` into it
    """
    screen = Screen()
    chosen = load(stage)
    with TemporaryDirectory(prefix="order-engine-") as folder:
        if dry_run:
            rules = region or os.environ.get("AWS_REGION") or DEFAULT_REGION
            plan = prepare(chosen, settings, Path(folder), rules, screen)
            if output:
                save(plan.package, output, screen)
            screen.print("\nNothing was sent.")
            return
        aws = connect(region, profile, endpoint_url)
        screen.print(f"{stage} in {aws.endpoint or aws.region}, {aws.caller()}")
        with report_nothing_sent(screen):
            plan = prepare(chosen, settings, Path(folder), aws.region, screen)
            if output:
                save(plan.package, output, screen)
        rollout = Rollout(plan, aws, screen, lambda losses: yes or _confirm(losses))
        with report_running_operations(Stacks(aws), stage, screen):
            outputs = rollout.run(with_smoke=not no_smoke)
    url = outputs.get("DashboardUrl")
    dashboard = f"\n  Dashboard  {url}" if url else ""
    screen.print(DEPLOYED.format(**outputs, dashboard=dashboard))


def prepare(stage: Stage, settings: Sequence[str], folder: Path, region: str, screen: Screen) -> Plan:
    """Package into `folder` and validate. Raises StageError, PackageError, ValidationError."""
    sources = [read(part) for part in stage.parts]
    chosen = parse_settings(settings, sources)
    for source in sources:
        check_names(source, (*stage.parameters[source.part], *stage.required[source.part]))
    with screen.step("package") as step:
        package = build(folder)
        step.result = f"{package.size / MEGABYTE:.1f} MB, {package.runtime}"
    merged = read("engine", package.template)
    templates = [merged if source.part == "engine" else source for source in sources]
    artifacts = read(ARTIFACTS)
    with screen.step("validate") as step:
        warnings = validate([each.path for each in (artifacts, *templates)], [region])
        for warning in warnings:
            step.print(warning.strip(), style="yellow")
        step.result = f"{len(templates) + 1} templates for {region}: " + (
            f"{len(warnings)} warnings" if warnings else "no findings"
        )
    return Plan(stage, chosen, package, artifacts, templates)


def save(package: Package, folder: Path, screen: Screen) -> None:
    """Copy the template and the archive that it names into `folder`. Raises PackageError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in (package.template, package.zip):
            shutil.copyfile(path, folder / path.name)
    except OSError as error:
        raise PackageError(f"The package could not be saved in {folder}: {error}") from error
    screen.print(f"\nSaved {folder / package.template.name} and {folder / package.zip.name}.")


def _confirm(losses: Sequence[str]) -> bool:
    """Ask whether resources that hold data may be deleted."""
    for line in losses:
        click.echo(f"  {line}", err=True)
    return ask("This deletes the data in these resources. Type yes to continue: ") == "yes"
