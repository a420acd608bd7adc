"""What `deploy` does in AWS: upload → network, data, engine → migrate → smoke.

CloudFormation itself undoes an update that fails. If the migration or the smoke order fails, the engine's
stack is rolled back to its previous version. Migrations are not undone: each leaves a schema that works with
the previous version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from .aws import Aws, Bucket
from .changes import Confirm, Target, Version, create_or_update, deployed_version
from .console import Screen, Step
from .errors import InfraError, MigrationError, SmokeError
from .migrate import migrate
from .package import MEGABYTE, Package
from .smoke import smoke
from .stacks import Stack, Stacks
from .stage import ARTIFACTS, Stage, stack_name
from .template import Template, Values, choose_values


@dataclass(frozen=True)
class Plan:
    """What is to be deployed."""

    stage: Stage
    settings: Mapping[str, str]  # from --set
    package: Package
    artifacts: Template
    templates: Sequence[Template]  # of the stage's parts, in their order

    def parameters(self, part: str) -> dict[str, str]:
        """The parameters given for a part; --set takes precedence over the stage's file."""
        return {**self.stage.parameters[part], **self.settings}

    def earlier_outputs(self, part: str) -> set[str]:
        """Names of the outputs of the templates that are deployed before `part`."""
        before = self.stage.parts[: self.stage.parts.index(part)]
        return {name for template in self.templates if template.part in before for name in template.outputs}


class Rollout:
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

    def run(self, *, with_smoke: bool = True) -> Mapping[str, str]:
        """Run every step: the stacks' outputs. Raises InfraError."""
        self._check()
        bucket, location = self._upload()
        for template in self._plan.templates:
            source = template.with_code(location) if template.part == "engine" else template
            self._deploy(source, bucket)
        try:
            self._migrate()
            if with_smoke:
                self._smoke()
        except (MigrationError, SmokeError) as error:
            logs = f"The functions' logs are in /aws/lambda/{self._name('engine')}-…"
            raise type(error)(f"{error}\n{logs}\n{self._roll_back(bucket)}") from error
        return self._outputs

    def _check(self) -> None:
        """Check that each stack can be updated and has all its values, before any is changed."""
        for part in (ARTIFACTS, *self._plan.stage.parts):
            self._current[part] = self._stacks.find_updatable(self._name(part))
        for template in self._plan.templates:
            self._previous[template.part] = deployed_version(self._stacks, self._current[template.part])
            self._values(template, dict.fromkeys(self._plan.earlier_outputs(template.part), ""))

    def _upload(self) -> tuple[Bucket, str]:
        with self._screen.step("upload") as step:
            body = {"TemplateBody": self._plan.artifacts.text}
            stack = self._create_or_update(ARTIFACTS, body, Values({}, ()), step)
            bucket = Bucket(self._aws, stack.outputs["ArtifactsBucket"])
            size = self._plan.package.size
            sent = 0

            def on_progress(count: int) -> None:
                nonlocal sent
                sent += count
                step.update("uploading", sent, size)

            location, is_new = bucket.upload_package(self._plan.package.zip, on_progress)
            step.result = (
                f"{size / MEGABYTE:.1f} MB to {bucket.name}" if is_new else "the package is there already"
            )
        return bucket, location

    def _deploy(self, template: Template, bucket: Bucket) -> None:
        with self._screen.step(template.part) as step:
            values = self._values(template, self._outputs)
            for name in values.previous:
                step.print(f"{name} stays as it was set before")
            source = {"TemplateURL": bucket.upload_template(template.part, template.text)}
            stack = self._create_or_update(template.part, source, values, step)
            self._outputs |= stack.outputs

    def _create_or_update(self, part: str, source: Mapping[str, str], values: Values, step: Step) -> Stack:
        target = Target(self._name(part), source, values, self._plan.stage.tags)
        current = self._stacks.delete_failed_create(self._current[part])
        stack, changed = create_or_update(self._stacks, target, current, step, self._confirm)
        if part == "engine":
            self._engine_changed = changed
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

    def _smoke(self) -> None:
        with self._screen.step("smoke") as step:
            events = smoke(self._outputs["HttpUrl"], lambda event: step.print(str(event["status"])))
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
        hidden = ", ".join(values.previous)
        exception = f" {hidden} can't be read back and keep the values of this deployment." if hidden else ""
        return f"{name} is rolled back to its previous version.{exception}"

    def _values(self, template: Template, outputs: Mapping[str, str]) -> Values:
        previous = self._previous[template.part]
        endpoint = {"EmulatorEndpoint": self._aws.endpoint} if self._aws.endpoint else {}
        chosen = {**endpoint, **self._plan.parameters(template.part)}
        required = self._plan.stage.required[template.part]
        return choose_values(template, chosen, outputs, previous.set_earlier if previous else (), required)

    def _name(self, part: str) -> str:
        return stack_name(self._plan.stage.name, part)
