"""`./infra/logs`: what a stage's functions and APIs have logged."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

import boto3
import pytest
from click.testing import CliRunner, Result
from moto import mock_aws

from infra.__main__ import cli
from infra.logs import Reading
from infra.stacks import Stacks

ORDER = "7f0c2f8e-6f1e-4a53-9d1b-0c5f0f6c2a11"
STACK = "order-engine-dev"
API, PROCESS, ACCESS = f"/aws/lambda/{STACK}-api", f"/aws/lambda/{STACK}-process", f"/aws/apigateway/{STACK}"
OTHERS = f"{API}-2"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The logs of a stage whose stack has three groups and a queue, beside those of somebody else."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    resources = {
        "ApiLog": API,
        "ProcessLog": PROCESS,
        "AccessLog": ACCESS,
        "OrdersQueue": "https://sqs/orders",
    }
    monkeypatch.setattr(Stacks, "find", lambda self, name: name if name == STACK else None)
    monkeypatch.setattr(Stacks, "resources", lambda self, name: resources)  # moto has no CloudFormation here
    with mock_aws():
        client = boto3.client("logs", "eu-central-1")
        for name in (API, PROCESS, ACCESS, OTHERS):
            client.create_log_group(logGroupName=name)
        write(client, OTHERS, (1, {"level": "INFO", "message": f"of another stage order={ORDER}"}))
        yield client


def write(client: Any, group: str, *lines: tuple[int, dict[str, object]]) -> None:
    """Each line was logged so many seconds ago."""
    stream = str(time.time_ns())
    client.create_log_stream(logGroupName=group, logStreamName=stream)
    events = [
        {"timestamp": int(time.time() - ago_s) * 1000, "message": json.dumps(line)} for ago_s, line in lines
    ]
    client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["logs", "dev", *arguments])


def test_the_lines_of_all_groups_are_shown_by_time_and_lambdas_reports_and_metrics_are_not(
    client: Any,
) -> None:
    write(
        client,
        PROCESS,
        (40, {"time": "…", "type": "platform.report", "record": {}}),
        (40, {"_aws": {}, "OrdersConfirmed": 1}),
        (30, {"level": "INFO", "message": f"transition order={ORDER} seq=2", "order": ORDER}),
        (10, {"level": "WARN", "message": "claim lost", "stackTrace": ["  File …"]}),
    )
    write(client, API, (31, {"level": "INFO", "message": f"request order={ORDER}", "order": ORDER}))
    write(client, ACCESS, (20, {"at": "…", "id": "request-1", "status": "202"}))
    result = run()
    assert result.exit_code == 0, result.output
    *lines, trace = result.output.splitlines()
    assert trace == "  File …"
    assert [line[24:].split(maxsplit=2) for line in lines] == [
        ["INFO", "api", f"request order={ORDER}"],
        ["INFO", "process", f"transition order={ORDER} seq=2"],
        ["INFO", "access", "id=request-1 status=202"],
        ["WARNING", "process", "claim lost"],
    ]
    assert "another stage" not in result.output


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((ORDER,), ["order"]),
        (("request-1",), ["access"]),
        (("--level", "WARNING"), ["warning"]),
        (("--since", "1m"), ["order", "warning"]),
        (("--since", "2h"), ["old", "access", "order", "warning"]),
    ],
)
def test_lines_are_chosen_by_what_stands_in_them_level_and_time(
    client: Any, arguments: tuple[str, ...], expected: list[str]
) -> None:
    write(client, PROCESS, (7000, {"message": "old"}), (30, {"message": "order", "order": ORDER}))
    write(client, API, (10, {"message": "warning", "level": "WARNING"}))
    write(client, ACCESS, (100, {"message": "access", "id": "request-1"}))
    lines = run("--json", *arguments).output.splitlines()
    assert [json.loads(line)["message"] for line in lines] == expected


def test_lines_that_are_written_later_follow_and_none_comes_twice(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = iter([(2, "second"), (3, "late"), (0, "third")])

    def write_one(seconds: float) -> None:
        ago_s, message = next(later)
        write(client, API, (ago_s, {"message": message}))

    monkeypatch.setattr("infra.logs.time.sleep", write_one)
    write(client, PROCESS, (5, {"message": "first"}))
    found = Reading(client, STACK, [API, PROCESS], "", {"INFO"}).follow(int(time.time() - 60) * 1000)
    assert [line.entry["message"] for line in islice(found, 4) if line.entry] == [
        "first",
        "second",
        "late",
        "third",
    ]


def test_a_stage_without_a_stack_is_refused(client: Any) -> None:
    result = CliRunner().invoke(cli, ["logs", "prod"])
    assert (result.exit_code, "There is no stack order-engine-prod" in result.output) == (2, True)
