"""The steps of a deployment, each by itself: how it interprets AWS's answers, and what it prints."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from infra.aws import Bucket, connect
from infra.change_set import Change, read_changes
from infra.console import ResourceProgress, Screen, running_operations
from infra.deploy import save
from infra.errors import AwsError, PackageError, StackError, StageError, ValidationError
from infra.package import TEMPLATES, Package
from infra.stacks import DATABASE_PROTECTION, Event, Stack, Stacks, failure_reasons, watch
from infra.validate import validate

STACK = "AWS::CloudFormation::Stack"

Output = tuple[Screen, io.StringIO]


@pytest.fixture
def output() -> Output:
    text = io.StringIO()
    return Screen(Console(file=text, width=200, highlight=False)), text


def event(logical_id: str, status: str, reason: str = "", *, of_stack: bool = False) -> Event:
    return Event(
        logical_id + status, logical_id, STACK if of_stack else "AWS::SQS::Queue", status, reason, of_stack
    )


def raw(logical_id: str, status: str, token: str = "mine", **more: str) -> dict[str, str]:
    return {
        "EventId": logical_id + status,
        "StackId": "stack/1",
        "LogicalResourceId": logical_id,
        "ResourceType": "AWS::SQS::Queue",
        "ResourceStatus": status,
        "ClientRequestToken": token,
        **more,
    }


class CloudFormation:
    """Lists the events so far, the newest first, in pages of two; each listing adds a moment's events."""

    def __init__(self, *moments: list[dict[str, str]]) -> None:
        self._moments = list(moments)
        self._listed: list[dict[str, str]] = [raw("Old", "CREATE_COMPLETE", "theirs")]

    def get_paginator(self, name: str) -> CloudFormation:
        return self

    def paginate(self, **asked: str) -> Iterator[dict[str, Any]]:
        self._listed += self._moments.pop(0) if self._moments else []
        newest_first = self._listed[::-1]
        for start in range(0, len(newest_first), 2):
            yield {"StackEvents": newest_first[start : start + 2]}

    def describe_stacks(self, **asked: str) -> dict[str, Any]:
        return {"Stacks": [{"StackStatus": "UPDATE_IN_PROGRESS" if self._moments else "UPDATE_COMPLETE"}]}


def test_each_event_of_the_operation_is_yielded_once_in_order_until_it_has_ended() -> None:
    stack = {"PhysicalResourceId": "stack/1", "ResourceType": STACK}
    client: Any = CloudFormation(
        [
            raw("stack", "UPDATE_IN_PROGRESS", **stack),
            raw("A", "UPDATE_IN_PROGRESS"),
            raw("A", "UPDATE_COMPLETE"),
        ],
        [],
        [raw("B", "UPDATE_COMPLETE"), raw("stack", "UPDATE_COMPLETE", **stack)],
    )
    seen = [(each.logical_id, each.status) for each in watch(client, "stack/1", "mine", 0)]
    assert seen == [
        ("stack", "UPDATE_IN_PROGRESS"),
        ("A", "UPDATE_IN_PROGRESS"),
        ("A", "UPDATE_COMPLETE"),
        ("B", "UPDATE_COMPLETE"),
        ("stack", "UPDATE_COMPLETE"),
    ]


def test_failure_reasons_leave_out_resources_that_were_only_cancelled() -> None:
    events = [
        event("Queue", "CREATE_FAILED", "The name is taken."),
        event("Topic", "CREATE_FAILED", "Resource creation cancelled"),
        event("stack", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create", of_stack=True),
    ]
    assert failure_reasons(events) == ["  Queue (AWS::SQS::Queue): The name is taken."]
    assert failure_reasons(events[2:]) == [f"  stack ({STACK}): The following resource(s) failed to create"]


def test_finished_resources_are_counted_and_failures_printed(output: Output) -> None:
    screen, text = output
    with screen.step("engine") as step:
        count = ResourceProgress(["A", "B"], step)
        for each in (
            event("A", "CREATE_IN_PROGRESS"),
            event("A", "CREATE_COMPLETE"),
            event("A", "CREATE_COMPLETE"),
            event("Other", "UPDATE_COMPLETE"),  # not among what was to change
            event("B", "CREATE_FAILED", "No room."),
        ):
            count(each)
    assert count.done == 2
    assert "1/2 CREATE_COMPLETE A (AWS::SQS::Queue)" in text.getvalue()
    assert "B CREATE_FAILED: No room." in text.getvalue()
    assert "Other" not in text.getvalue()


def test_a_step_prints_its_result_duration_and_success(output: Output) -> None:
    screen, text = output
    with screen.step("package") as step:
        step.result = "6.8 MB"
    with pytest.raises(ValueError), screen.step("validate"):
        raise ValueError
    lines = [each.rstrip() for each in text.getvalue().splitlines()]
    assert lines[0] == "package …"
    assert lines[1].startswith("✓ package    6.8 MB (0.")
    assert lines[3].startswith("✗ validate")


def test_the_saved_template_names_the_archive_beside_it_and_what_is_in_that_is_saved_too(
    output: Output, tmp_path: Path
) -> None:
    screen, text = output
    built, saved = tmp_path / "built", tmp_path / "new" / "saved"
    built.mkdir()
    template, archive = built / "template.json", built / "deployment.zip"
    template.write_text('{"CodeUri": "deployment.zip"}')
    archive.write_bytes(b"code")
    sbom = built / "sbom.cdx.json"
    sbom.write_text("{}")
    save(Package(template, archive, 4, 4, "python3.11", sbom), saved, screen)
    assert (saved / "template.json").read_text() == '{"CodeUri": "deployment.zip"}'
    assert (saved / "deployment.zip").read_bytes() == b"code"
    assert (saved / "sbom.cdx.json").read_text() == "{}"
    assert f"Saved {saved / 'template.json'}, " in text.getvalue()
    with pytest.raises(PackageError, match="could not be saved"):
        save(Package(template, archive, 4, 4, "python3.11", sbom), template, screen)


@pytest.mark.parametrize(
    ("change", "shown", "loses"),
    [
        (Change("Add", False, "Queue", "AWS::SQS::Queue"), "+ Queue (AWS::SQS::Queue)", False),
        (Change("Modify", False, "Db", "AWS::RDS::DBCluster"), "~ Db (AWS::RDS::DBCluster)", False),
        (
            Change("Modify", True, "Db", "AWS::RDS::DBCluster"),
            "~ Db (AWS::RDS::DBCluster), replaced by another",
            True,
        ),
        (Change("Remove", False, "Queue", "AWS::SQS::Queue"), "- Queue (AWS::SQS::Queue)", True),
        (Change("Remove", False, "Sweep", "AWS::Lambda::Function"), "- Sweep (AWS::Lambda::Function)", False),
    ],
)
def test_a_change_is_printed_and_loses_data_if_it_deletes_a_stateful_resource(
    change: Change, shown: str, loses: bool
) -> None:
    assert (str(change), change.loses_data) == (shown, loses)


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        (
            "Resources: {Queue: {Type: AWS::SQS::Queue, Properties: {Color: red}}}",
            r"engine\.yaml Resources/Queue/Properties/Color: .*Color.* \[E3002\]",
        ),
        (
            "Transform: AWS::Serverless-2016-10-31\n"
            "Resources: {Relay: {Type: AWS::Serverless::Function, Properties: {CodeUri: relay.zip, "
            "Handler: app.relay, Runtime: python3.13, AutoPublishAlias: {Ref: Alias}}}}\n"
            "Parameters: {Alias: {Type: String}}",
            r"engine\.yaml: .*Relay.* \[SAM\]",  # cfn-lint accepts it, SAM does not
        ),
    ],
)
def test_a_template_that_cloudformation_would_reject_is_an_error(
    text: str, finding: str, tmp_path: Path
) -> None:
    path = tmp_path / "engine.yaml"
    path.write_text(f"AWSTemplateFormatVersion: '2010-09-09'\n{text}\n")
    with pytest.raises(ValidationError, match=finding):
        validate([path], ["eu-central-1"])


def test_an_unknown_region_is_an_error() -> None:
    with pytest.raises(StageError, match=r"no such region: nowhere-1\.$"):
        validate([TEMPLATES / "artifacts.yaml"], ["nowhere-1"])


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A machine without credentials."""
    for name in (
        "ACCESS_KEY_ID",
        "SECRET_ACCESS_KEY",
        "SESSION_TOKEN",
        "PROFILE",
        "REGION",
        "DEFAULT_REGION",
    ):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return monkeypatch


def test_missing_credentials_are_an_error_that_lists_the_ways_to_set_them(
    no_credentials: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(AwsError, match=r"aws sso login[\s\S]*AWS_ACCESS_KEY_ID"):
        connect("eu-central-1", None, None)
    with pytest.raises(AwsError, match=r"\(nope\).*Known profiles: none"):
        connect("eu-central-1", "nope", None)


def test_a_missing_region_is_an_error_that_lists_the_ways_to_set_it(
    no_credentials: pytest.MonkeyPatch,
) -> None:
    no_credentials.setenv("AWS_ACCESS_KEY_ID", "test")
    no_credentials.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with pytest.raises(AwsError, match="--region"):
        connect(None, None, None)
    no_credentials.setenv("AWS_REGION", "eu-central-1")
    assert connect(None, None, None).region == "eu-central-1"


def test_an_emulator_needs_no_credentials_and_no_region(no_credentials: pytest.MonkeyPatch) -> None:
    aws = connect(None, None, "http://127.0.0.1:4566/")
    assert (aws.region, aws.endpoint) == ("us-east-1", "http://127.0.0.1:4566")
    assert aws.cloudformation.meta.endpoint_url == "http://127.0.0.1:4566"


def test_an_emulators_address_in_the_environment_is_ignored_without_the_option(
    no_credentials: pytest.MonkeyPatch,
) -> None:
    no_credentials.setenv("AWS_ACCESS_KEY_ID", "test")
    no_credentials.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    no_credentials.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    aws = connect("eu-central-1", None, None)
    for client in (aws.cloudformation, aws.s3, aws.functions):
        assert client.meta.endpoint_url.endswith("amazonaws.com")


def test_a_template_is_found_under_its_hash_at_the_regions_own_address(
    no_credentials: pytest.MonkeyPatch,
) -> None:
    """A new bucket's global address is a redirection elsewhere, which CloudFormation need not follow."""
    no_credentials.setenv("AWS_ACCESS_KEY_ID", "test")
    no_credentials.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    no_credentials.setattr(Bucket, "_has", lambda bucket, key: True)
    bucket = Bucket(connect("eu-central-1", None, None), "artifacts")
    address = "https://artifacts.s3.eu-central-1.amazonaws.com/templates/data-"
    assert bucket.upload_template("data", "{}") == address + hashlib.sha256(b"{}").hexdigest()


class ListedStacks(Stacks):
    """Stacks from a list."""

    def __init__(self, *stacks: Stack) -> None:
        self._stacks = {stack.name: stack for stack in stacks}

    def find(self, name: str) -> Stack | None:
        return self._stacks.get(name)


def stack(name: str, status: str) -> Stack:
    return Stack(name, f"arn:{name}", status, False, {}, {})


@pytest.mark.parametrize(
    ("status", "message"),
    [
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name order-engine-dev"),
        ("UPDATE_IN_PROGRESS", "another operation is running"),
    ],
)
def test_a_stack_that_cannot_be_updated_now_is_an_error_with_the_commands(status: str, message: str) -> None:
    with pytest.raises(StackError, match=message):
        ListedStacks(stack("order-engine-dev", status)).find_updatable("order-engine-dev")


def test_a_failed_stack_with_a_protected_database_is_unprotected_then_deleted() -> None:
    left = replace(stack("order-engine-prod-data", "ROLLBACK_FAILED"), parameters={DATABASE_PROTECTION: "on"})
    unprotect, delete = left.recovery_commands
    assert "--db-cluster-identifier order-engine-prod-data --no-deletion-protection" in unprotect
    assert delete.endswith("delete-stack --stack-name order-engine-prod-data")
    assert left.must_be_deleted
    assert not replace(left, status="UPDATE_COMPLETE").must_be_deleted


def test_a_change_that_may_replace_a_stateful_resource_counts_as_losing_data() -> None:
    change = {
        "Action": "Modify",
        "Replacement": "Conditional",
        "LogicalResourceId": "Redis",
        "ResourceType": "AWS::ElastiCache::ReplicationGroup",
    }
    client: Any = SimpleNamespace(get_paginator=lambda name: client)
    client.paginate = lambda **asked: [{"Changes": [{"ResourceChange": change}]}]
    aws: Any = SimpleNamespace(cloudformation=client, poll_interval_s=0)
    [found] = read_changes(Stacks(aws), "change set")
    assert found.loses_data


def test_a_stack_with_only_an_unexecuted_change_set_does_not_exist() -> None:
    stacks = ListedStacks(stack("order-engine-dev", "REVIEW_IN_PROGRESS"))
    assert stacks.find_updatable("order-engine-dev") is None


def test_an_interrupted_command_prints_the_running_operations() -> None:
    stacks = ListedStacks(
        stack("order-engine-dev-data", "UPDATE_IN_PROGRESS"), stack("order-engine-dev", "CREATE_COMPLETE")
    )
    assert running_operations(stacks, "dev")[1:3] == [
        "  order-engine-dev-data is UPDATE_IN_PROGRESS",
        "    aws cloudformation cancel-update-stack --stack-name order-engine-dev-data    cancels it",
    ]
    assert running_operations(ListedStacks(), "dev") == [
        "No stack operation is running; what was deployed stays. Run the same command to continue."
    ]
