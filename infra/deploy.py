"""`deploy`: package → validate → upload → network, data, engine → migrate → login → key → smoke → an engine.

Up to `validate` nothing is sent. CloudFormation itself undoes an update that fails. If the migration, the
first API key or the smoke order fails, the engine's stack is rolled back to its previous version. Migrations
are not undone: each leaves a schema that works with the previous version.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from botocore.exceptions import BotoCoreError, ClientError

from local import ambient
from local.client import SUBMIT_PATH
from local.client.commands.terminal import counted

from .aws import Aws, Bucket, connect
from .change_set import HIDDEN, Confirm, Target, Version, create_or_update, deployed_version
from .conditions import left_out
from .console import Screen, Step, ask, aws_options, report_nothing_sent, report_running_operations
from .errors import FirstKeyError, InfraError, MigrationError, PackageError, SmokeError
from .first_key import ensure_first_key, read_first_key, reading_command
from .invoke import migrate
from .package import MEGABYTE, SIMULATED, Package, build
from .smoke import smoke, smoke_quote
from .stacks import Stack, Stacks
from .stage import (
    ARTIFACTS,
    Stage,
    Values,
    check_names,
    choose_values,
    load_stage,
    parse_settings,
    stack_name,
)
from .template import Template, read_template
from .validate import validate

ROLE_SECRET, LOGIN, WORLD = "DatabaseRoleSecretArn", "DatabaseLogin", "World"  # parameters of engine.yaml
DEFAULT_REGION = "us-east-1"  # whose rules --dry-run validates against, unless a region is given

DEPLOYED = """
  HTTP       {HttpUrl}
  WebSocket  {WebSocketUrl}{dashboard}

The administrator's API key, and keys for others:
  {reading}
  ./local/run keys --help     with --function {AdminFunction}"""
FIRST_ORDER = """
The first order:
  curl -X POST {HttpUrl}{submit_path} \\
    -H "Authorization: Bearer $ENGINE_API_KEY" -H 'Content-Type: application/json' \\
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
    help="A folder for the packaged template.json, deployment.zip and its sbom.cdx.json, for `sam deploy`.",
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
      login     the functions become the role that migrate has made, which changes no schema;
                once, where there is a secret of that role
      key       the first API key, made by a function of the engine and kept in a secret
      smoke     one order over HTTP, and its events over the WebSocket until it is confirmed;
                outside the simulated world a quote, which costs nothing

    The first step that fails ends the deployment. If migrate, key or smoke fails, the engine
    is rolled back to its previous version.

    \b
    Examples:
      ./infra/deploy dev --region eu-central-1
      ./infra/deploy prod --set AlarmEmail=on-call@example.com
      ./infra/deploy dev --dry-run --output .local/sam
      ./local/run emulator      prints the command that deploys `local` into it
    """
    screen = Screen()
    chosen = load_stage(stage)
    with TemporaryDirectory(prefix="order-engine-") as folder:
        if dry_run:
            rules = region or os.environ.get("AWS_REGION") or DEFAULT_REGION
            ambient.forget(["SQS"])  # no account is needed, and none that the shell names is asked for
            plan = prepare(chosen, settings, Path(folder), rules, screen)
            if output:
                save(plan.package, output, screen)
            for template in plan.templates:
                plan.values(template, plan.expected_outputs(template.part))
            screen.print("\nNothing was sent.")
            return
        aws = connect(region, profile, endpoint_url)
        screen.print(f"{stage} in {aws.endpoint or aws.region}, {aws.caller()}")
        with report_nothing_sent(screen):
            plan = prepare(chosen, settings, Path(folder), aws.region, screen, deployed_world(aws, stage))
            if output:
                save(plan.package, output, screen)
        deployment = Deployment(plan, aws, screen, lambda losses: yes or _confirm(losses))
        with report_running_operations(Stacks(aws), stage, screen):
            outputs = deployment.run(with_smoke=not no_smoke)
    dashboard = "" if aws.endpoint else f"\n  Dashboard  {outputs['DashboardUrl']}"  # it is in AWS's console
    reading = reading_command(aws, outputs["AdminKeySecretArn"])
    text = DEPLOYED + (FIRST_ORDER if plan.world == SIMULATED else "")
    screen.print(text.format(**outputs, submit_path=SUBMIT_PATH, dashboard=dashboard, reading=reading))


@dataclass(frozen=True)
class Plan:
    """What is to be deployed."""

    stage: Stage
    settings: Mapping[str, str]  # from --set
    package: Package
    artifacts: Template
    templates: Sequence[Template]  # of the stage's parts, in their order
    world: str = SIMULATED  # that orders are traded in

    def parameters(self, part: str) -> dict[str, str]:
        """The parameters given for a part; --set takes precedence over the stage's file."""
        return {**self.stage.parameters[part], **self.settings}

    def expected_outputs(self, part: str) -> dict[str, str]:
        """The outputs of the templates that are deployed before `part`, without their values."""
        before = self.stage.parts[: self.stage.parts.index(part)]
        return {
            name: "" for template in self.templates if template.part in before for name in template.outputs
        }

    def values(
        self,
        template: Template,
        outputs: Mapping[str, str],
        *,
        endpoint: str | None = None,
        set_earlier: Iterable[str] = (),
    ) -> Values:
        """The values of a template's parameters. Raises StageError if a necessary one is missing."""
        emulator = {"EmulatorEndpoint": endpoint} if endpoint else {}
        chosen = {**emulator, **self.parameters(template.part)}
        return choose_values(template, chosen, outputs, set_earlier, self.stage.required[template.part])


def deployed_world(aws: Aws, stage: str) -> str:
    """The world that the stage trades in until now, which it keeps unless another one is given."""
    stacks = Stacks(aws)
    version = deployed_version(stacks, stacks.find(stack_name(stage, "engine")))
    return version.parameters.get(WORLD, SIMULATED) if version else SIMULATED


def prepare(
    stage: Stage,
    settings: Sequence[str],
    folder: Path,
    region: str,
    screen: Screen,
    world: str = SIMULATED,
) -> Plan:
    """Package into `folder` for the world that is given, or else `world`, and validate.

    Raises StageError, PackageError, ValidationError.
    """
    sources = [read_template(part) for part in stage.parts]
    chosen = parse_settings(settings, sources)
    for source in sources:
        check_names(source, (*stage.parameters[source.part], *stage.required[source.part]))
    world = {WORLD: world, **stage.parameters["engine"], **chosen}[WORLD]
    with screen.step("package") as step:
        package = build(folder, world=world)
        step.result = f"{package.size / MEGABYTE:.1f} MB, {package.runtime}"
    merged = read_template("engine", package.template)
    templates = [merged if source.part == "engine" else source for source in sources]
    artifacts = read_template(ARTIFACTS)
    with screen.step("validate") as step:
        warnings = validate([each.path for each in (artifacts, *templates)], [region])
        for warning in warnings:
            step.print(warning.strip(), style="yellow")
        step.result = f"{len(templates) + 1} templates for {region}: " + (
            counted(len(warnings), "warning") if warnings else "no findings"
        )
    return Plan(stage, chosen, package, artifacts, templates, world)


def save(package: Package, folder: Path, screen: Screen) -> None:
    """Copy the template, the archive that it names and what is in that into `folder`. Raises PackageError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in (package.template, package.zip, package.sbom):
            shutil.copyfile(path, folder / path.name)
    except OSError as error:
        raise PackageError(f"The package could not be saved in {folder}: {error}") from error
    screen.print(
        f"\nSaved {folder / package.template.name}, {folder / package.zip.name} and "
        f"{folder / package.sbom.name}."
    )


def _confirm(losses: Sequence[str]) -> bool:
    """Ask whether resources that hold data may be deleted."""
    for line in losses:
        click.echo(f"  {line}", err=True)
    return ask("This deletes the data in these resources. Type yes to continue: ") == "yes"


class Deployment:
    """One deployment of a plan, with its state so far."""

    def __init__(self, plan: Plan, aws: Aws, screen: Screen, confirm: Confirm) -> None:
        self._plan = plan
        self._aws = aws
        self._screen = screen
        self._confirm = confirm
        self._stacks = Stacks(aws)
        self._current: dict[str, Stack | None] = {}
        self._previous: dict[str, Version | None] = {}
        self._outputs: dict[str, str] = {}
        self._engine_changed = False
        self._has_role = False  # the one that serves, which the migration makes

    def run(self, *, with_smoke: bool = True) -> Mapping[str, str]:
        """Run every step: the stacks' outputs. Raises InfraError."""
        self._check()
        bucket, location = self._upload()
        for template in self._plan.templates:
            source = template.with_code(location) if template.part == "engine" else template
            self._deploy(source, bucket)
        try:
            self._migrate()
            self._serve_as_role(bucket, location)
            secret = self._make_first_key()
            if with_smoke:
                self._smoke(secret)
        except (MigrationError, FirstKeyError, SmokeError) as error:
            logs = f"The functions' logs are in /aws/lambda/{self._name('engine')}-…"
            raise type(error)(f"{error}\n{logs}\n{self._roll_back(bucket)}") from error
        return self._outputs

    def _check(self) -> None:
        """Check that each stack can be updated and has all its values, before any is changed."""
        for part in (ARTIFACTS, *self._plan.stage.parts):
            self._current[part] = self._stacks.find_updatable(self._name(part))
        for template in self._plan.templates:
            self._previous[template.part] = deployed_version(self._stacks, self._current[template.part])
            self._values(template, self._plan.expected_outputs(template.part))

    def _upload(self) -> tuple[Bucket, str]:
        with self._screen.step("upload") as step:
            body = {"TemplateBody": self._plan.artifacts.text}
            stack = self._create_or_update(self._plan.artifacts, body, Values({}, ()), step)
            bucket = Bucket(self._aws, stack.outputs["ArtifactsBucket"])
            size = self._plan.package.size
            sent = 0

            def on_progress(count: int) -> None:
                nonlocal sent
                sent += count
                step.update("uploading", sent, size)

            package = self._plan.package
            location, is_new = bucket.upload_package(package.zip, package.sbom, on_progress)
            step.result = (
                f"{size / MEGABYTE:.1f} MB to {bucket.name}" if is_new else "the package is there already"
            )
        return bucket, location

    def _deploy(self, template: Template, bucket: Bucket, title: str = "") -> None:
        with self._screen.step(title or template.part) as step:
            values = self._values(template, self._outputs)
            current = self._current[template.part]
            for name in values.previous:
                if current and current.parameters.get(name) != HIDDEN:  # which may never have been set
                    step.print(f"{name} stays as it was set before")
            source = {"TemplateURL": bucket.upload_template(template.part, template.text)}
            stack = self._create_or_update(template, source, values, step)
            self._outputs |= stack.outputs

    def _create_or_update(
        self, template: Template, source: Mapping[str, str], values: Values, step: Step
    ) -> Stack:
        part = template.part
        current = self._stacks.delete_failed_create(self._current[part])
        absent = left_out(template.text, {**(current.parameters if current else {}), **values.given})
        target = Target(self._name(part), source, values, self._plan.stage.tags, absent)
        stack, changed = create_or_update(self._stacks, target, current, step, self._confirm)
        self._current[part] = stack
        if part == "engine":
            self._engine_changed = self._engine_changed or changed
        if self._plan.stage.protected and not stack.protected:
            self._stacks.protect(stack.name)
        return stack

    def _migrate(self) -> None:
        with self._screen.step("migrate") as step:
            step.update("waiting for the function")
            applied = migrate(self._aws, self._outputs["MigrateFunction"])
            for name in applied:
                step.print(f"applied {name}")
            step.result = f"{len(applied)} applied" if applied else "the schema is up to date"

    def _serve_as_role(self, bucket: Bucket, location: str) -> None:
        """Have the functions log in as the role that serves, which is there now, unless they do already."""
        [template] = [each for each in self._plan.templates if each.part == "engine"]
        stack, self._has_role = self._current["engine"], True
        login = self._values(template, self._outputs).given.get(LOGIN)
        if login is not None and stack is not None and login != stack.parameters.get(LOGIN):
            self._deploy(template.with_code(location), bucket, "login")

    def _make_first_key(self) -> str:
        """The secret that holds the key."""
        with self._screen.step("key") as step:
            key = ensure_first_key(self._aws, self._outputs["AdminFunction"])
            step.result = f"made, in {key.secret}" if key.made else "there already"
        return key.secret

    def _smoke(self, secret: str) -> None:
        with self._screen.step("smoke") as step:
            key, url = read_first_key(self._aws, secret), self._outputs["HttpUrl"]
            if self._plan.world != SIMULATED:
                step.result = smoke_quote(url, key)
                return
            events = smoke(url, key, lambda event: step.print(str(event["status"])))
            step.result = " → ".join(str(event["status"]) for event in events)

    def _roll_back(self, bucket: Bucket) -> str:
        """Deploy the engine's previous version again: what was done, as a sentence."""
        previous, name = self._previous["engine"], self._name("engine")
        if previous is None:
            return f"This was its first deployment, so {name} stays for inspection."
        if not self._engine_changed:
            return f"This deployment did not change {name}, so there is nothing to roll back."
        values = previous.values()
        try:
            with self._screen.step("roll back") as step:
                source = {"TemplateURL": bucket.upload_template("engine", previous.template)}
                target = Target(name, source, values, self._plan.stage.tags)
                create_or_update(self._stacks, target, self._stacks.find(name), step, lambda losses: True)
        except (InfraError, BotoCoreError, ClientError) as error:
            return f"{name} could not be rolled back to its previous version: {error}"
        hidden = ", ".join(name for name in values.previous if name in self._plan.parameters("engine"))
        exception = f" {hidden} can't be read back and keep the values of this deployment." if hidden else ""
        return f"{name} is rolled back to its previous version.{exception}"

    def _values(self, template: Template, outputs: Mapping[str, str]) -> Values:
        values = self._choose(template, outputs)
        if template.part == "engine" and ROLE_SECRET in values.given:
            login = self._login(values.given[ROLE_SECRET])
            return self._choose(template, {**outputs, LOGIN: login})
        return values

    def _choose(self, template: Template, outputs: Mapping[str, str]) -> Values:
        previous = self._previous[template.part]
        set_earlier = previous.set_earlier if previous else ()
        return self._plan.values(template, outputs, endpoint=self._aws.endpoint, set_earlier=set_earlier)

    def _login(self, secret: str) -> str:
        """Who serves: the role of that secret, once a migration has made it."""
        stack = self._current["engine"]
        served = (stack.parameters.get(LOGIN), stack.parameters.get(ROLE_SECRET)) if stack else None
        return "role" if secret and (self._has_role or served == ("role", secret)) else "owner"

    def _name(self, part: str) -> str:
        return stack_name(self._plan.stage.name, part)
