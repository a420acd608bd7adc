"""`deploy` and `destroy` against the emulator: what they bring, what they put back, what they leave."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from infra import preparation, smoke
from infra.aws import Aws, connect
from infra.commands import cli
from infra.errors import Refused, StackError
from infra.package import Package
from infra.rollout import Wanted, roll_out
from infra.screen import Screen
from infra.stack import Stack
from infra.stacks import Stacks
from infra.template import Values
from local.emulator import Cloud

STACK = "order-engine-local"
BROKEN = {"chalicelib/sql/999_broken.sql": "SELECT nothing FROM nowhere;"}
DEAF = {"chalicelib/api/queue.py": "raise RuntimeError('not today')"}

Deploy = Callable[..., Result]


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with Cloud() as cloud:
        yield cloud


@pytest.fixture(scope="module")
def aws(cloud: Cloud) -> Aws:
    return connect(None, None, cloud.emulator.url)


@pytest.fixture
def deploy(cloud: Cloud, package: Package, monkeypatch: pytest.MonkeyPatch) -> Deploy:
    """`deploy("--set=…", files={name: text})`: with files of the package replaced by others.

    What is packaged and that its templates are valid is seen elsewhere.
    """

    def run(*arguments: str, files: dict[str, str] | None = None) -> Result:
        def build(folder: Path) -> Package:
            archive, template = folder / "deployment.zip", folder / "template.json"
            shutil.copy(package.template, template)
            if files:
                change(package.zip, archive, files)
            else:
                shutil.copy(package.zip, archive)
            return replace(package, zip=archive, template=template)

        monkeypatch.setattr(preparation.packaging, "build", build)
        monkeypatch.setattr(preparation.validation, "validate", lambda paths, regions: [])
        return CliRunner().invoke(cli, ["deploy", *cloud.deployment, "--set=SimLatency=0", *arguments])

    return run


def destroy(cloud: Cloud, *arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(
        cli, ["destroy", "local", "--endpoint-url", cloud.emulator.url, *arguments], input=typed
    )


def change(source: Path, target: Path, files: dict[str, str]) -> None:
    """Copy a package with these files in it, and without the bytecode of those that they replace."""
    compiled = {Path(cache_from_source(name)).name for name in files if name.endswith(".py")}
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.infolist():
            if entry.filename not in files and Path(entry.filename).name not in compiled:
                new.writestr(entry, old.read(entry))
        for name, text in files.items():
            new.writestr(zipfile.ZipInfo(name), text)


def code(aws: Aws) -> str:
    """The hash of what the deployed process function runs."""
    return aws.functions.get_function_configuration(FunctionName=f"{STACK}-process")["CodeSha256"]


def environment(aws: Aws) -> dict[str, str]:
    found = aws.functions.get_function_configuration(FunctionName=f"{STACK}-process")
    return found["Environment"]["Variables"]


def test_one_command_brings_an_engine_that_confirms_an_order(deploy: Deploy, aws: Aws) -> None:
    done = deploy()
    assert done.exit_code == 0, done.output
    for step in ("package", "validate", "upload", "engine", "migrate", "smoke"):
        assert f"\n✓ {step}" in done.output
    assert "applied 001_orders.sql" in done.output
    assert "pending → routing → building → submitted → confirmed" in done.output
    [stack] = aws.cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    assert f"HTTP       {outputs['HttpUrl']}\n" in done.output
    assert f"WebSocket  {outputs['WebSocketUrl']}\n" in done.output
    assert {"Key": "Stage", "Value": "local"} in stack["Tags"]


def test_the_same_again_sends_nothing_and_changes_nothing(deploy: Deploy) -> None:
    deploy()
    done = deploy()
    assert done.exit_code == 0, done.output
    assert "✓ upload     the package is there already" in done.output
    assert "✓ engine     no changes" in done.output
    assert "✓ migrate    the schema is up to date" in done.output


def test_a_value_that_was_set_stays_until_it_is_set_again(deploy: Deploy, aws: Aws) -> None:
    deploy("--set=SimSeed=mine", "--no-smoke")
    done = deploy("--no-smoke")
    assert "SimSeed stays as it was set before" in done.output
    assert environment(aws)["SIM_SEED"] == "mine"
    deploy("--set=SimSeed=solana", "--no-smoke")
    assert environment(aws)["SIM_SEED"] == "solana"


def test_a_failed_migration_ends_it_and_puts_the_engine_back(deploy: Deploy, aws: Aws) -> None:
    deploy("--no-smoke")
    before = code(aws)
    done = deploy("--set=SimSeed=other", files=BROKEN)
    assert done.exit_code == 1
    assert "✗ migrate" in done.output
    assert "error: The migration failed: " in done.output
    assert "nowhere" in done.output  # the database's own words
    assert "✓ roll back" in done.output
    assert f"{STACK} has its version before again." in done.output
    assert "smoke" not in done.output
    assert code(aws) == before
    assert environment(aws)["SIM_SEED"] == "solana"
    assert deploy("--no-smoke").exit_code == 0


def test_an_order_that_is_not_confirmed_puts_the_engine_back(
    deploy: Deploy, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy("--no-smoke")
    before = code(aws)
    with monkeypatch.context() as patch:
        patch.setattr(smoke, "LONGEST_S", 3.0)
        done = deploy(files=DEAF)
    assert done.exit_code == 1
    assert "error: The smoke order " in done.output
    assert f"{STACK} has its version before again." in done.output
    assert code(aws) == before


def test_what_cannot_be_begun_is_not_begun(deploy: Deploy, aws: Aws) -> None:
    deploy("--no-smoke")
    before = aws.cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["LastUpdatedTime"]
    done = deploy("--set=SimLatncy=0")
    assert done.exit_code == 2
    assert "Did you mean SimLatency?" in done.output
    assert aws.cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["LastUpdatedTime"] == before


QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "a-queue"}}
NOT_POSSIBLE = {"Type": "AWS::CloudFormation::Stack", "DependsOn": "Queue"}  # without a template


def bring(aws: Aws, resources: dict[str, Any], name: str = "small", agree: bool = False) -> Stack:
    stacks = Stacks(aws)
    current = stacks.clear(stacks.find_at_rest(name))
    wanted = Wanted(name, {"TemplateBody": json.dumps({"Resources": resources})}, Values({}, ()), {"A": "b"})
    with Screen().step(name) as step:
        return roll_out(stacks, wanted, current, step, lambda losing: agree)[0]


def test_a_resource_that_fails_is_named_with_its_reason_and_the_next_try_begins_anew(aws: Aws) -> None:
    with pytest.raises(
        StackError, match=r"stillborn is ROLLBACK_COMPLETE:\n  Nested \(AWS::CloudFormation::Stack\): .+"
    ):
        bring(aws, {"Queue": QUEUE, "Nested": NOT_POSSIBLE}, "stillborn")
    assert bring(aws, {"Queue": QUEUE}, "stillborn").status == "CREATE_COMPLETE"
    Stacks(aws).delete("stillborn", lambda event: None)


def test_a_template_that_cloudformation_refuses_is_an_error_in_its_words(aws: Aws) -> None:
    with pytest.raises(StackError, match=r"does not take small as it is: .*AWS::No::Such"):
        bring(aws, {"Thing": {"Type": "AWS::No::Such"}})


def test_a_queue_with_orders_in_it_is_not_deleted_unless_that_was_agreed_to(aws: Aws) -> None:
    other = {"Type": "AWS::SNS::Topic"}
    bring(aws, {"Queue": QUEUE, "Topic": other})
    with pytest.raises(Refused, match="--yes agrees"):
        bring(aws, {"Topic": other})
    assert "Queue" in Stacks(aws).resources("small")
    bring(aws, {"Topic": other}, agree=True)
    assert "Queue" not in Stacks(aws).resources("small")
    Stacks(aws).delete("small", lambda event: None)


def test_a_stage_that_is_protected_is_not_destroyed_and_how_to_is_said(
    deploy: Deploy, cloud: Cloud, aws: Aws
) -> None:
    deploy("--no-smoke")
    Stacks(aws).protect(STACK)
    done = destroy(cloud, "--yes")
    assert done.exit_code == 2
    assert f"--no-enable-termination-protection --stack-name {STACK}" in done.output
    aws.cloudformation.update_termination_protection(StackName=STACK, EnableTerminationProtection=False)


def test_a_database_that_is_protected_keeps_its_whole_stage(cloud: Cloud, aws: Aws) -> None:
    protection = {"DatabaseDeletionProtection": {"Type": "String", "Default": "on"}}
    body = json.dumps({"Parameters": protection, "Resources": {"Queue": QUEUE}})
    aws.cloudformation.create_stack(StackName="order-engine-mine-data", TemplateBody=body)
    aws.cloudformation.get_waiter("stack_create_complete").wait(
        StackName="order-engine-mine-data", WaiterConfig={"Delay": 1}
    )
    done = CliRunner().invoke(cli, ["destroy", "mine", "--yes", "--endpoint-url", cloud.emulator.url])
    assert done.exit_code == 2
    assert "./infra/deploy mine --set DatabaseDeletionProtection=off" in done.output
    Stacks(aws).delete("order-engine-mine-data", lambda event: None)


def test_a_stage_is_destroyed_once_its_name_is_typed_and_nothing_is_left(
    deploy: Deploy, cloud: Cloud, aws: Aws
) -> None:
    deploy("--no-smoke")
    done = destroy(cloud, typed="dev\n")
    assert (done.exit_code, "Nothing was deleted." in done.output) == (2, True)
    done = destroy(cloud, typed="local\n")
    assert done.exit_code == 0, done.output
    assert "packages and templates deleted" in done.output
    assert "local is gone. Nothing remains." in done.output
    assert not aws.functions.list_functions()["Functions"]
    assert not aws.s3.list_buckets()["Buckets"]
    assert "nothing to delete" in destroy(cloud).output
