"""`deploy`: package → validate → upload → deploy → migrate → smoke.

CloudFormation itself undoes an update that fails. When the schema can't be brought up to date, or an order
does not go through, the engine's stack is given its version before. Migrations are not undone: each leaves a
schema that the version before it can work with.
"""

from __future__ import annotations

from collections.abc import Mapping

from botocore.exceptions import BotoCoreError, ClientError

from .aws import Aws, Bucket
from .errors import InfraError, MigrationError, SmokeError
from .migration import migrate
from .package import MEGABYTE
from .preparation import Plan
from .rollout import Agree, Version, Wanted, roll_out, version
from .screen import Screen, Step
from .smoke import smoke
from .stack import Stack
from .stacks import Stacks
from .stage import ARTIFACTS, stack_name
from .template import Template, Values, choose_values


class Deployment:
    """One run, with what it has found out so far."""

    def __init__(self, plan: Plan, aws: Aws, screen: Screen, agree: Agree) -> None:
        self._plan = plan
        self._aws = aws
        self._screen = screen
        self._agree = agree
        self._stacks = Stacks(aws)
        self._found: dict[str, Stack | None] = {}
        self._before: dict[str, Version | None] = {}
        self._outputs: dict[str, str] = {}
        self._engine_changed = False

    def run(self, *, with_smoke: bool = True) -> Mapping[str, str]:
        """All of it: the engine's outputs. Raises InfraError."""
        self._look()
        bucket, location = self._upload()
        for template in self._plan.templates:
            source = template.with_code(location) if template.part == "engine" else template
            self._deploy(source, bucket)
        try:
            self._migrate()
            if with_smoke:
                self._smoke()
        except (MigrationError, SmokeError) as error:
            logs = f"What the functions said is in the logs /aws/lambda/{self._name('engine')}-…"
            raise type(error)(f"{error}\n{logs}\n{self._put_back(bucket)}") from error
        return self._outputs

    def _look(self) -> None:
        """See that each stack can be deployed and has all its values, before any is touched."""
        for part in (ARTIFACTS, *self._plan.stage.parts):
            self._found[part] = self._stacks.find_at_rest(self._name(part))
        for template in self._plan.templates:
            self._before[template.part] = version(self._stacks, self._found[template.part])
            self._values(template, dict.fromkeys(self._plan.later_outputs(template.part), ""))

    def _upload(self) -> tuple[Bucket, str]:
        with self._screen.step("upload") as step:
            body = {"TemplateBody": self._plan.artifacts.text}
            stack = self._roll_out(ARTIFACTS, body, Values({}, ()), step)
            bucket = Bucket(self._aws, stack.outputs["ArtifactsBucket"])
            size = self._plan.package.size
            sent = 0

            def tell(count: int) -> None:
                nonlocal sent
                sent += count
                step.at("sending", sent, size)

            location, is_new = bucket.upload_package(self._plan.package.zip, tell)
            step.result = (
                f"{size / MEGABYTE:.1f} MB to {bucket.name}" if is_new else "the package is there already"
            )
        return bucket, location

    def _deploy(self, template: Template, bucket: Bucket) -> None:
        with self._screen.step(template.part) as step:
            values = self._values(template, self._outputs)
            for name in values.previous:
                step.say(f"{name} stays as it was set before")
            source = {"TemplateURL": bucket.upload_template(template.part, template.text)}
            stack = self._roll_out(template.part, source, values, step)
            self._outputs |= stack.outputs

    def _roll_out(self, part: str, source: Mapping[str, str], values: Values, step: Step) -> Stack:
        wanted = Wanted(self._name(part), source, values, self._plan.stage.tags)
        current = self._stacks.clear(self._found[part])
        stack, changed = roll_out(self._stacks, wanted, current, step, self._agree)
        if part == "engine":
            self._engine_changed = changed
        if self._plan.stage.protected and not stack.protected:
            self._stacks.protect(stack.name)
        return stack

    def _migrate(self) -> None:
        with self._screen.step("migrate") as step:
            step.at("waiting for the function")
            applied = migrate(self._aws, self._outputs["MigrateFunction"])
            for name in applied:
                step.say(f"applied {name}")
            step.result = f"{len(applied)} applied" if applied else "the schema is up to date"

    def _smoke(self) -> None:
        with self._screen.step("smoke") as step:
            events = smoke(self._outputs["HttpUrl"], lambda event: step.say(str(event["status"])))
            step.result = " → ".join(str(event["status"]) for event in events)

    def _put_back(self, bucket: Bucket) -> str:
        """Give the engine its version before: what was done."""
        before, name = self._before["engine"], self._name("engine")
        if before is None:
            return f"This was its first deployment, so {name} is left as it is for you to look into."
        if not self._engine_changed:
            return f"This deployment had changed nothing in {name}, so there is nothing to put back."
        try:
            with self._screen.step("roll back") as step:
                source = {"TemplateURL": bucket.upload_template("engine", before.template)}
                wanted = Wanted(name, source, before.values(), self._plan.stage.tags)
                roll_out(self._stacks, wanted, self._stacks.find(name), step, lambda losing: True)
        except (InfraError, BotoCoreError, ClientError) as error:
            return f"And {name} could not be given its version before: {error}"
        untold = before.values().previous
        but = f" {', '.join(untold)} can't be read back and stay as they were given now." if untold else ""
        return f"{name} has its version before again.{but}"

    def _values(self, template: Template, outputs: Mapping[str, str]) -> Values:
        before = self._before[template.part]
        endpoint = {"EmulatorEndpoint": self._aws.endpoint} if self._aws.endpoint else {}
        chosen = {**endpoint, **self._plan.values_for(template.part)}
        required = self._plan.stage.required[template.part]
        return choose_values(template, chosen, outputs, before.set_earlier if before else (), required)

    def _name(self, part: str) -> str:
        return stack_name(self._plan.stage.name, part)
