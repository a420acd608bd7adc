"""`deploy` and `destroy` against the emulator: what they create, roll back and leave behind."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

import pytest
from chalicelib.domain.keys import key_id
from click.testing import CliRunner, Result

import infra.deploy
from infra import smoke
from infra.__main__ import cli
from infra.aws import Aws, connect
from infra.change_set import Target, create_or_update
from infra.console import Screen
from infra.errors import Refused, StackError
from infra.first_key import read_first_key
from infra.invoke import invoke
from infra.package import Package
from infra.stacks import Stack, Stacks
from infra.stage import Values
from local.emulator import Cloud
from local.servers.solana import Solana
from tests.infra.resting_orders import Orders, better_market, eventually

STACK = "order-engine-local"
BROKEN = {"chalicelib/sql/999_broken.sql": "SELECT nothing FROM nowhere;"}
LATER = {"chalicelib/sql/900_later.sql": "ALTER TABLE orders ADD COLUMN note text;"}
NO_WALLET = "arn:aws:secretsmanager:us-east-1:000000000000:secret:wallet"
BROKEN_WORKER = {"chalicelib/api/queue.py": "raise RuntimeError('not today')"}

OLD_SEED = "solana"
# secrets that the cloud has brought
OF_THE_SERVERS = ["order-engine-database", "order-engine-database-role", "order-engine-redis"]
Deploy = Callable[..., Result]


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with Cloud() as cloud:
        yield cloud


@pytest.fixture(scope="module")
def aws(cloud: Cloud) -> Aws:
    return connect(None, None, cloud.emulator.url)


@pytest.fixture(scope="module")
def deploy(cloud: Cloud, package: Package) -> Deploy:
    """`deploy("--set=…", files={name: text})`: with files of the package replaced by others.

    Other tests cover the package's content and the templates' validity.
    """

    def run(*arguments: str, files: dict[str, str] | None = None) -> Result:
        def build(folder: Path, *, world: str) -> Package:
            archive, template = folder / "deployment.zip", folder / "template.json"
            shutil.copy(package.template, template)
            if files:
                change(package.zip, archive, files)
            else:
                shutil.copy(package.zip, archive)
            return replace(package, zip=archive, template=template)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(infra.deploy, "build", build)
            patch.setattr(infra.deploy, "validate", lambda paths, regions: [])
            return CliRunner().invoke(cli, ["deploy", *cloud.deployment, "--set=SimLatency=0", *arguments])

    return run


@pytest.fixture(scope="module")
def deployed(deploy: Deploy) -> None:
    """The engine is deployed; each test leaves it as it was."""
    done = deploy("--no-smoke")
    assert done.exit_code == 0, done.output


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
                new.writestr(entry, old.read(entry), compresslevel=1)
        for name, text in files.items():
            new.writestr(zipfile.ZipInfo(name), text)


def kept_secret(aws: Aws) -> str:
    """The secret with the deployment's first key."""
    [stack] = aws.cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    return str(outputs["AdminKeySecretArn"])


def admin(aws: Aws, **event: object) -> dict[str, Any]:
    """What the function that manages keys answers."""
    answer: dict[str, Any] = invoke(aws, f"{STACK}-admin", event)
    assert "error" not in answer
    return answer


def code(aws: Aws) -> str:
    """The hash of what the deployed process function runs."""
    return aws.functions.get_function_configuration(FunctionName=f"{STACK}-process")["CodeSha256"]


def environment(aws: Aws) -> dict[str, str]:
    found = aws.functions.get_function_configuration(FunctionName=f"{STACK}-process")
    return found["Environment"]["Variables"]


def test_one_command_deploys_an_engine_that_confirms_an_order(deploy: Deploy, aws: Aws) -> None:
    done = deploy()
    assert done.exit_code == 0, done.output
    for step in ("package", "validate", "upload", "engine", "migrate", "login", "key", "smoke"):
        assert f"\n✓ {step}" in done.output
    assert "applied 001_orders.sql" in done.output
    assert "pending → routing → building → submitted → confirmed" in done.output
    [stack] = aws.cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    assert f"HTTP       {outputs['HttpUrl']}\n" in done.output
    assert f"WebSocket  {outputs['WebSocketUrl']}\n" in done.output
    assert {"Key": "Stage", "Value": "local"} in stack["Tags"]
    assert f"✓ key        made, in {outputs['AdminKeySecretArn']} " in done.output
    assert f"--secret-id {outputs['AdminKeySecretArn']} " in done.output
    assert read_first_key(aws, outputs["AdminKeySecretArn"]) not in done.output


@pytest.mark.usefixtures("deployed")
def test_deploying_the_same_again_uploads_and_changes_nothing(deploy: Deploy) -> None:
    done = deploy()
    assert done.exit_code == 0, done.output
    assert "✓ upload     the package is there already" in done.output
    assert "✓ engine     no changes" in done.output
    assert "✓ migrate    the schema is up to date" in done.output
    assert "login" not in done.output
    assert "✓ key        there already" in done.output


@pytest.mark.usefixtures("deployed")
def test_a_first_key_that_was_ended_is_made_again_unless_there_is_another(deploy: Deploy, aws: Aws) -> None:
    secret = kept_secret(aws)
    first = read_first_key(aws, secret)
    other = admin(aws, action="create", account="ops", name="any", scopes=["admin", "orders:write"])
    admin(aws, action="revoke", id=key_id(first))
    done = deploy()
    assert done.exit_code == 1
    assert "The deployment's own key was ended." in done.output
    assert read_first_key(aws, secret) == first
    admin(aws, action="revoke", id=other["id"])
    assert "✓ key        made, in" in deploy("--no-smoke").output
    assert read_first_key(aws, secret) != first


@pytest.mark.usefixtures("deployed")
def test_a_value_that_was_set_stays_until_it_is_set_again(deploy: Deploy, aws: Aws) -> None:
    deploy("--set=SimSeed=mine", "--no-smoke")
    done = deploy("--no-smoke")
    assert "SimSeed stays as it was set before" in done.output
    assert environment(aws)["SIM_SEED"] == "mine"
    deploy("--set=SimSeed=solana", "--no-smoke")
    assert environment(aws)["SIM_SEED"] == "solana"


@pytest.mark.usefixtures("deployed")
def test_an_engine_of_the_owners_becomes_the_roles_after_the_migration(deploy: Deploy, aws: Aws) -> None:
    """And back: as an engine from before there was a role is updated, and rolled back."""
    assert environment(aws)["DATABASE_LOGIN"] == "role"
    done = deploy("--set=DatabaseLogin=owner")
    assert "confirmed" in done.output, done.output
    assert environment(aws)["DATABASE_LOGIN"] == "owner"
    done = deploy(files=BROKEN)
    assert (done.exit_code, environment(aws)["DATABASE_LOGIN"]) == (1, "owner")
    done = deploy()
    assert done.output.index("✓ migrate") < done.output.index("✓ login") < done.output.index("✓ smoke")
    assert environment(aws)["DATABASE_LOGIN"] == "role"


@pytest.mark.usefixtures("deployed")
def test_a_failed_migration_ends_the_deployment_and_rolls_the_engine_back(deploy: Deploy, aws: Aws) -> None:
    before = code(aws)
    done = deploy("--set=SimSeed=other", files=BROKEN)
    assert done.exit_code == 1
    assert "✗ migrate" in done.output
    assert "error: The migration failed: " in done.output
    assert "nowhere" in done.output  # from the database's message
    assert "✓ roll back" in done.output
    assert f"{STACK} is rolled back to its previous version.\n" in done.output
    assert "smoke" not in done.output
    assert code(aws) == before
    assert environment(aws)["SIM_SEED"] == "solana"
    assert deploy("--no-smoke").exit_code == 0


@pytest.mark.usefixtures("deployed")
def test_an_order_that_is_not_confirmed_rolls_the_engine_back(
    deploy: Deploy, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = code(aws)
    with monkeypatch.context() as patch:
        patch.setattr(smoke, "TIMEOUT_S", 3.0)
        done = deploy(files=BROKEN_WORKER)
    assert done.exit_code == 1
    assert "error: The smoke order " in done.output
    assert f"{STACK} is rolled back to its previous version." in done.output
    assert code(aws) == before


@pytest.mark.usefixtures("deployed")
def test_a_limit_order_rests_through_an_update_that_is_undone_and_fires_after_one_with_a_migration(
    deploy: Deploy, aws: Aws
) -> None:
    orders = Orders(aws, STACK)
    better = better_market(OLD_SEED)
    limit = better.price
    reached, beyond = orders.rest(better, limit), orders.rest(better, limit * 10)
    assert deploy("--set=LeaseMs=21000", files=BROKEN).exit_code == 1
    assert [orders.status(order) for order in (reached, beyond)] == ["open", "open"]
    done = deploy(f"--set=SimSeed={better.seed}", "--no-smoke", files=LATER)
    assert "applied 900_later.sql" in done.output, done.output
    orders.fire()
    eventually(lambda: orders.status(reached) == "confirmed")
    filled = orders.request("GET", f"/api/orders/{reached}")
    steps = [event["status"] for event in filled["events"]]
    assert steps == ["open", "pending", "routing", "building", "submitted", "confirmed"]
    assert Decimal(filled["executedPrice"]) >= limit
    assert orders.status(beyond) == "open"
    assert orders.request("DELETE", f"/api/orders/{beyond}")["status"] == "cancelled"
    deploy(f"--set=SimSeed={OLD_SEED}", "--no-smoke")


@pytest.fixture
def on_solana(deploy: Deploy, tmp_path: Path) -> Iterator[Result]:
    """A deployment whose stage is quoted by a node of this machine; without a wallet it signs nothing."""
    node = Solana(tmp_path / "solana", temporary=True)
    node.start()
    try:
        yield deploy(
            "--set=World=solana",
            f"--set=SolanaRpcUrls={node.url}",
            f"--set=JupiterUrl={node.url}/swap/v2",
            f"--set=SolanaKeySecretArn={NO_WALLET}",
        )
    finally:
        deploy("--set=World=simulated", "--no-smoke")
        node.stop()


def halt(cloud: Cloud, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["halt", "local", *arguments, "--endpoint-url", cloud.emulator.url])


@pytest.mark.usefixtures("deployed")
def test_a_deployment_on_solana_places_no_order_and_one_command_halts_the_stage(
    on_solana: Result, deploy: Deploy, cloud: Cloud
) -> None:
    assert on_solana.exit_code == 0, on_solana.output
    assert "applied 023_solana.sql" in on_solana.output
    assert "no order was placed" in on_solana.output
    assert "The first order" not in on_solana.output
    assert halt(cloud, "on", "a drill").output == "local is halted: a drill\n"
    assert halt(cloud, "off").output == "local trades\n"
    done = deploy("--set=SolanaHalted=yes")
    assert "World stays as it was set before" in done.output
    assert "SolanaRpcUrls" not in done.output  # whose value CloudFormation does not show
    assert "no order was placed" in done.output
    done = halt(cloud, "off")
    assert (done.exit_code, "stays halted: SOLANA_HALTED is set." in done.output) == (1, True)


@pytest.mark.usefixtures("deployed")
def test_a_stage_on_solana_without_a_wallet_is_refused(deploy: Deploy) -> None:
    done = deploy(
        "--set=World=solana", "--set=SolanaRpcUrls=https://rpc.example", "--set=SolanaKeySecretArn="
    )
    assert done.exit_code == 1
    assert "World=solana needs SolanaKeySecretArn" in done.output


@pytest.mark.usefixtures("deployed")
def test_a_simulated_stage_is_not_halted(cloud: Cloud) -> None:
    done = halt(cloud, "on")
    assert (done.exit_code, "(NOT_HALTABLE)" in done.output) == (1, True)
    assert halt(cloud, "off", "a reason").exit_code == 2


@pytest.mark.usefixtures("deployed")
def test_a_wrong_parameter_changes_nothing(deploy: Deploy, aws: Aws) -> None:
    before = aws.cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["LastUpdatedTime"]
    done = deploy("--set=SimLatncy=0")
    assert done.exit_code == 2
    assert "Did you mean SimLatency?" in done.output
    assert aws.cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["LastUpdatedTime"] == before


QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "a-queue"}}
NOT_POSSIBLE = {"Type": "AWS::CloudFormation::Stack", "DependsOn": "Queue"}  # without a template


def apply(aws: Aws, resources: dict[str, Any], name: str = "small", confirm: bool = False) -> Stack:
    stacks = Stacks(aws)
    current = stacks.delete_failed_create(stacks.find_updatable(name))
    target = Target(name, {"TemplateBody": json.dumps({"Resources": resources})}, Values({}, ()), {"A": "b"})
    with Screen().step(name) as step:
        return create_or_update(stacks, target, current, step, lambda losses: confirm)[0]


def test_a_resource_that_fails_is_named_with_its_reason_and_the_next_attempt_starts_over(aws: Aws) -> None:
    with pytest.raises(
        StackError, match=r"failing is ROLLBACK_COMPLETE:\n  Nested \(AWS::CloudFormation::Stack\): .+"
    ):
        apply(aws, {"Queue": QUEUE, "Nested": NOT_POSSIBLE}, "failing")
    assert apply(aws, {"Queue": QUEUE}, "failing").status == "CREATE_COMPLETE"
    Stacks(aws).delete("failing")


def test_a_template_that_cloudformation_rejects_is_an_error_with_its_message(aws: Aws) -> None:
    with pytest.raises(StackError, match=r"rejects small: .*AWS::No::Such"):
        apply(aws, {"Thing": {"Type": "AWS::No::Such"}})


def test_a_queue_with_orders_in_it_is_not_deleted_unless_that_is_confirmed(aws: Aws) -> None:
    other = {"Type": "AWS::SNS::Topic"}
    apply(aws, {"Queue": QUEUE, "Topic": other})
    with pytest.raises(Refused, match="--yes confirms"):
        apply(aws, {"Topic": other})
    assert "Queue" in Stacks(aws).resources("small")
    apply(aws, {"Topic": other}, confirm=True)
    assert "Queue" not in Stacks(aws).resources("small")
    Stacks(aws).delete("small")


@pytest.mark.usefixtures("deployed")
def test_a_protected_stage_is_not_destroyed_and_the_error_has_the_commands(cloud: Cloud, aws: Aws) -> None:
    Stacks(aws).protect(STACK)
    done = destroy(cloud, "--yes")
    assert done.exit_code == 2
    assert f"--no-enable-termination-protection --stack-name {STACK}" in done.output
    aws.cloudformation.update_termination_protection(StackName=STACK, EnableTerminationProtection=False)


def test_a_stage_with_a_protected_database_is_not_destroyed(cloud: Cloud, aws: Aws) -> None:
    protection = {"DatabaseDeletionProtection": {"Type": "String", "Default": "on"}}
    body = json.dumps({"Parameters": protection, "Resources": {"Queue": QUEUE}})
    aws.cloudformation.create_stack(StackName="order-engine-mine-data", TemplateBody=body)
    aws.cloudformation.get_waiter("stack_create_complete").wait(
        StackName="order-engine-mine-data", WaiterConfig={"Delay": 1}
    )
    done = CliRunner().invoke(cli, ["destroy", "mine", "--yes", "--endpoint-url", cloud.emulator.url])
    assert done.exit_code == 2
    assert "./infra/deploy mine --set DatabaseDeletionProtection=off" in done.output
    Stacks(aws).delete("order-engine-mine-data")


@pytest.mark.usefixtures("deployed")
def test_a_stage_is_destroyed_once_its_name_is_typed_and_nothing_remains(cloud: Cloud, aws: Aws) -> None:
    done = destroy(cloud, typed="dev\n")
    assert (done.exit_code, "Nothing was deleted." in done.output) == (2, True)
    done = destroy(cloud, typed="local\n")
    assert done.exit_code == 0, done.output
    assert "packages and templates deleted" in done.output
    assert "local is deleted. Nothing is retained." in done.output
    assert not aws.functions.list_functions()["Functions"]
    assert not aws.s3.list_buckets()["Buckets"]
    assert [secret["Name"] for secret in aws.secrets.list_secrets()["SecretList"]] == OF_THE_SERVERS
    assert "nothing to delete" in destroy(cloud).output
