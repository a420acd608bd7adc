"""The steps of a deployment, each by itself: what it makes of what AWS answers, and what it shows."""

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
from infra.errors import AwsError, StackError, StageError, ValidationError
from infra.events import Event, failures, follow
from infra.package import TEMPLATES
from infra.rollout import Counter, line, loses_state
from infra.screen import Screen
from infra.stack import DATABASE_PROTECTION, Change, Stack
from infra.stacks import Stacks
from infra.stopping import what_goes_on
from infra.validation import validate

STACK = "AWS::CloudFormation::Stack"

Says = tuple[Screen, io.StringIO]


@pytest.fixture
def says() -> Says:
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
    """Tells the events that have happened so far, the newest first, a page of two at a time."""

    def __init__(self, *moments: list[dict[str, str]]) -> None:
        self._moments = list(moments)
        self._told: list[dict[str, str]] = [raw("Old", "CREATE_COMPLETE", "theirs")]

    def get_paginator(self, name: str) -> CloudFormation:
        return self

    def paginate(self, **asked: str) -> Iterator[dict[str, Any]]:
        self._told += self._moments.pop(0) if self._moments else []
        newest_first = self._told[::-1]
        for start in range(0, len(newest_first), 2):
            yield {"StackEvents": newest_first[start : start + 2]}

    def describe_stacks(self, **asked: str) -> dict[str, Any]:
        return {"Stacks": [{"StackStatus": "UPDATE_IN_PROGRESS" if self._moments else "UPDATE_COMPLETE"}]}


def test_each_event_of_the_operation_is_told_once_in_its_order_until_the_stack_is_at_rest() -> None:
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
    told = [(each.logical_id, each.status) for each in follow(client, "stack/1", "mine", 0)]
    assert told == [
        ("stack", "UPDATE_IN_PROGRESS"),
        ("A", "UPDATE_IN_PROGRESS"),
        ("A", "UPDATE_COMPLETE"),
        ("B", "UPDATE_COMPLETE"),
        ("stack", "UPDATE_COMPLETE"),
    ]


def test_the_reasons_are_those_of_what_failed_by_itself() -> None:
    events = [
        event("Queue", "CREATE_FAILED", "The name is taken."),
        event("Topic", "CREATE_FAILED", "Resource creation cancelled"),
        event("stack", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create", of_stack=True),
    ]
    assert failures(events) == ["  Queue (AWS::SQS::Queue): The name is taken."]
    assert failures(events[2:]) == [f"  stack ({STACK}): The following resource(s) failed to create"]


def test_resources_are_counted_when_they_are_at_rest_and_failures_said(says: Says) -> None:
    screen, text = says
    with screen.step("engine") as step:
        count = Counter(["A", "B"], step)
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


def test_a_step_says_its_result_and_duration_and_whether_it_ended_well(says: Says) -> None:
    screen, text = says
    with screen.step("package") as step:
        step.result = "6.8 MB"
    with pytest.raises(ValueError), screen.step("validate"):
        raise ValueError
    lines = [each.rstrip() for each in text.getvalue().splitlines()]
    assert lines[0] == "package …"
    assert lines[1].startswith("✓ package    6.8 MB (0.")
    assert lines[3].startswith("✗ validate")


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
def test_a_change_is_shown_and_known_for_what_it_loses(change: Change, shown: str, loses: bool) -> None:
    assert (line(change), loses_state(change)) == (shown, loses)


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
            r"engine\.yaml: .*Relay.* \[SAM\]",  # what cfn-lint takes and SAM does not
        ),
    ],
)
def test_a_template_that_would_be_refused_is_refused_here(text: str, finding: str, tmp_path: Path) -> None:
    path = tmp_path / "engine.yaml"
    path.write_text(f"AWSTemplateFormatVersion: '2010-09-09'\n{text}\n")
    with pytest.raises(ValidationError, match=finding):
        validate([path], ["eu-central-1"])


def test_a_region_that_there_is_not_is_said() -> None:
    with pytest.raises(StageError, match=r"no such region: nowhere-1\.$"):
        validate([TEMPLATES / "artifacts.yaml"], ["nowhere-1"])


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
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


def test_without_credentials_nothing_is_asked_and_the_ways_to_give_them_are_said(
    nobody: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(AwsError, match=r"aws sso login[\s\S]*AWS_ACCESS_KEY_ID"):
        connect("eu-central-1", None, None)
    with pytest.raises(AwsError, match=r"\(nope\).*Known profiles: none"):
        connect("eu-central-1", "nope", None)


def test_without_a_region_the_ways_to_choose_one_are_said(nobody: pytest.MonkeyPatch) -> None:
    nobody.setenv("AWS_ACCESS_KEY_ID", "somebody")
    nobody.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with pytest.raises(AwsError, match="--region"):
        connect(None, None, None)
    nobody.setenv("AWS_REGION", "eu-central-1")
    assert connect(None, None, None).region == "eu-central-1"


def test_an_emulator_needs_no_credentials_and_no_region(nobody: pytest.MonkeyPatch) -> None:
    aws = connect(None, None, "http://127.0.0.1:4566/")
    assert (aws.region, aws.endpoint) == ("us-east-1", "http://127.0.0.1:4566")
    assert aws.cloudformation.meta.endpoint_url == "http://127.0.0.1:4566"


def test_an_emulators_address_in_the_environment_does_not_stand_in_for_aws_unasked(
    nobody: pytest.MonkeyPatch,
) -> None:
    nobody.setenv("AWS_ACCESS_KEY_ID", "somebody")
    nobody.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    nobody.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    aws = connect("eu-central-1", None, None)
    for client in (aws.cloudformation, aws.s3, aws.functions):
        assert client.meta.endpoint_url.endswith("amazonaws.com")


def test_a_template_is_found_under_its_hash_at_the_regions_own_address(nobody: pytest.MonkeyPatch) -> None:
    """A new bucket's global address is a redirection elsewhere, which CloudFormation need not follow."""
    nobody.setenv("AWS_ACCESS_KEY_ID", "somebody")
    nobody.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    nobody.setattr(Bucket, "_has", lambda bucket, key: True)
    bucket = Bucket(connect("eu-central-1", None, None), "artifacts")
    address = "https://artifacts.s3.eu-central-1.amazonaws.com/templates/data-"
    assert bucket.upload_template("data", "{}") == address + hashlib.sha256(b"{}").hexdigest()


class Found(Stacks):
    """Stacks that are there as they are given."""

    def __init__(self, *stacks: Stack) -> None:
        self._there = {stack.name: stack for stack in stacks}

    def find(self, name: str) -> Stack | None:
        return self._there.get(name)


def stack(name: str, status: str) -> Stack:
    return Stack(name, f"arn:{name}", status, False, {}, {})


@pytest.mark.parametrize(
    ("status", "message"),
    [
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name order-engine-dev"),
        ("UPDATE_IN_PROGRESS", "somebody is deploying it now"),
    ],
)
def test_a_stack_that_cannot_be_updated_now_is_left_alone_and_what_to_do_is_said(
    status: str, message: str
) -> None:
    with pytest.raises(StackError, match=message):
        Found(stack("order-engine-dev", status)).find_at_rest("order-engine-dev")


def test_what_is_left_of_a_protected_database_is_unprotected_before_it_is_deleted() -> None:
    left = replace(stack("order-engine-prod-data", "ROLLBACK_FAILED"), parameters={DATABASE_PROTECTION: "on"})
    unprotect, delete = left.way_out
    assert "--db-cluster-identifier order-engine-prod-data --no-deletion-protection" in unprotect
    assert delete.endswith("delete-stack --stack-name order-engine-prod-data")
    assert left.is_wreck
    assert not replace(left, status="UPDATE_COMPLETE").is_wreck


def test_a_change_that_may_replace_what_holds_state_counts_as_one_that_does() -> None:
    change = {
        "Action": "Modify",
        "Replacement": "Conditional",
        "LogicalResourceId": "Redis",
        "ResourceType": "AWS::ElastiCache::ReplicationGroup",
    }
    client: Any = SimpleNamespace(get_paginator=lambda name: client)
    client.paginate = lambda **asked: [{"Changes": [{"ResourceChange": change}]}]
    aws: Any = SimpleNamespace(cloudformation=client)
    [found] = Stacks(aws)._changes("change set")
    assert loses_state(found)


def test_a_stack_that_was_never_made_is_not_there() -> None:
    stacks = Found(stack("order-engine-dev", "REVIEW_IN_PROGRESS"))
    assert stacks.find_at_rest("order-engine-dev") is None


def test_whoever_stops_it_is_told_what_goes_on() -> None:
    stacks = Found(
        stack("order-engine-dev-data", "UPDATE_IN_PROGRESS"), stack("order-engine-dev", "CREATE_COMPLETE")
    )
    assert what_goes_on(stacks, "dev")[1:3] == [
        "  order-engine-dev-data is UPDATE_IN_PROGRESS",
        "    aws cloudformation cancel-update-stack --stack-name order-engine-dev-data    takes it back",
    ]
    assert what_goes_on(Found(), "dev") == [
        "No stack is at work; what was deployed stays. Run the same command again to go on."
    ]
