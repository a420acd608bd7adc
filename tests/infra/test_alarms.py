"""The alarms, and the dashboard."""

from __future__ import annotations

import json
from typing import Any

import pytest
from chalicelib.adapters.aws.metrics import CloudWatchMetrics
from chalicelib.ports.metrics import METRICS

from tests.infra.conftest import Deployed
from tests.infra.resolved import Resolved

NAMESPACE = "OrderEngine/stack"
BY_HAND = ("Migrate", "Admin")  # what a deployment or an operator calls, and looks at


def written(out: str) -> set[str]:
    """The metrics in lines of CloudWatch's embedded metric format."""
    lines = [json.loads(line) for line in out.splitlines()]
    directives = [directive for line in lines for directive in line["_aws"]["CloudWatchMetrics"]]
    assert all(item["Namespace"] == NAMESPACE and item["Dimensions"] == [[]] for item in directives)
    return {metric["Name"] for item in directives for metric in item["Metrics"]}


@pytest.fixture
def our_metrics(capsys: pytest.CaptureFixture[str]) -> set[str]:
    metrics = CloudWatchMetrics(NAMESPACE)
    for metric in METRICS:
        for first in metric.cloudwatch or [""]:
            labels = [first, *metric.labels[1:]] if metric.labels else []
            metrics.record(metric, 1, *labels)
    return written(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("alarm", "metric", "threshold", "missing"),
    [
        ("OrdersOldestMessageAlarm", "AWS/SQS ApproximateAgeOfOldestMessage", 120, "notBreaching"),
        ("DeadLettersAlarm", "AWS/SQS ApproximateNumberOfMessagesVisible", 0, "notBreaching"),
        ("ConfirmP99Alarm", f"{NAMESPACE} TimeToConfirm", 15000, "notBreaching"),
        ("RelayGoneAlarm", f"{NAMESPACE} ShardsWithoutRelay", 0, "breaching"),  # no data is as bad
        ("ApiErrorsAlarm", "AWS/ApiGateway 5XXError", 0.01, "notBreaching"),
        ("ProcessOrderErrorsAlarm", "AWS/Lambda Errors", 0, "notBreaching"),
        ("ProcessOrderThrottlesAlarm", "AWS/Lambda Throttles", 0, "notBreaching"),
    ],
)
def test_an_alarm_watches_each_thing_that_an_operator_must_know(
    engine: Resolved, alarm: str, metric: str, threshold: float, missing: str
) -> None:
    found = engine[alarm]
    assert f"{found['Namespace']} {found['MetricName']}" == metric
    assert (found["Threshold"], found["TreatMissingData"]) == (threshold, missing)
    assert found["ComparisonOperator"] == "GreaterThanThreshold"


def test_a_slow_order_raises_the_alarm_even_with_few_orders(engine: Resolved) -> None:
    """CloudWatch could leave a p99 of fewer than a thousand values alone."""
    assert engine["ConfirmP99Alarm"]["EvaluateLowSampleCountPercentile"] == "evaluate"


def test_the_relay_alarm_is_raised_after_three_minutes_without_a_relay(engine: Resolved) -> None:
    alarm = engine["RelayGoneAlarm"]
    assert alarm["Period"] * alarm["EvaluationPeriods"] == 180


def test_triggers_that_are_not_started_for_three_minutes_raise_an_alarm(engine: Resolved) -> None:
    """Lambda counts no invocation that was not made, so no data is what there is to see."""
    alarm = engine["TriggersGoneAlarm"]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Lambda", "Invocations")
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": engine["FireOrders"]["FunctionName"]}]
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
    assert (alarm["Period"] * alarm["EvaluationPeriods"], alarm["TreatMissingData"]) == (180, "breaching")


def test_every_function_has_its_alarms_for_errors_and_throttles(engine: Resolved) -> None:
    for name, function in engine.of_type("Serverless::Function").items():
        for metric in ("Errors", "Throttles"):
            alarm = engine[f"{name}{metric}Alarm"]
            assert alarm["MetricName"] == metric
            assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": function["FunctionName"]}]


def test_every_alarm_notifies_when_it_is_raised_and_when_it_ends(engine: Resolved) -> None:
    alarms = engine.of_type("CloudWatch::Alarm").values()
    assert len(alarms) == 6 + 2 * len(engine.of_type("Serverless::Function"))
    assert all(alarm["AlarmActions"] == alarm["OKActions"] == ["AlarmTopic"] for alarm in alarms)
    assert all(alarm["AlarmDescription"] for alarm in alarms)


def test_an_alarm_is_published_and_sent_by_mail(deployed: Deployed) -> None:
    """CloudWatch may publish under the topic's key, which it never may under the one of SNS itself."""
    engine = deployed()
    assert engine["AlarmSubscription"]["Endpoint"] == "someone@example.com"
    uses = {item["Sid"]: item for item in engine["Key"]["KeyPolicy"]["Statement"]}
    assert uses["Alarms"]["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert uses["Alarms"]["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]
    assert {"Effect": "Allow", "Action": "sns:Publish", "Resource": "AlarmTopic"}.items() <= {
        **engine["AlarmTopicPolicy"]["PolicyDocument"]["Statement"][0]
    }.items()
    assert "AlarmSubscription" not in deployed(AlarmEmail="").resources


def test_our_metrics_are_those_that_the_functions_write(engine: Resolved, our_metrics: set[str]) -> None:
    alarms = engine.of_type("CloudWatch::Alarm").values()
    watched = {alarm["MetricName"] for alarm in alarms if alarm["Namespace"] == NAMESPACE}
    shown = {metric[1] for _, metric in drawn(engine) if metric[0] == NAMESPACE}
    assert watched <= our_metrics
    assert shown == our_metrics


def drawn(engine: Resolved) -> list[tuple[str, list[Any]]]:
    """Each line of the dashboard's: its widget's title, and its metric."""
    body = json.loads(engine["Dashboard"]["DashboardBody"])
    return [
        (widget["properties"]["title"], metric)
        for widget in body["widgets"]
        for metric in widget["properties"]["metrics"]
    ]


def test_the_dashboard_shows_every_function_and_both_queues(engine: Resolved) -> None:
    dimensions = {(metric[2], metric[3]) for _, metric in drawn(engine) if len(metric) > 4}
    for name, function in engine.of_type("Serverless::Function").items():
        assert (("FunctionName", function["FunctionName"]) in dimensions) == (name not in BY_HAND)
    assert {("QueueName", "OrdersQueue.QueueName"), ("QueueName", "OrdersDlq.QueueName")} <= dimensions


def test_the_widgets_fill_the_dashboard_without_a_gap_or_an_overlap(engine: Resolved) -> None:
    widgets = json.loads(engine["Dashboard"]["DashboardBody"])["widgets"]
    taken = [
        (x, y)
        for widget in widgets
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert sorted(taken) == [(x, y) for x in range(24) for y in range(max(y for _, y in taken) + 1)]
