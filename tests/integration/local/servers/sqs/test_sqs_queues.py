"""Queues through boto3, on every server that implements SQS: attributes, lists, purges, tags, moves."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from tests.integration.local.servers.sqs.boto3_calls import QUERY, call_with, code, wait_for
from tests.integration.local.servers.sqs.conftest import Box


def test_a_queue_has_its_attributes(box: Box) -> None:
    found = box.sqs.get_queue_attributes(QueueUrl=box.url, AttributeNames=["All"])["Attributes"]
    assert found["VisibilityTimeout"] == "30"
    assert found["DelaySeconds"] == "0"
    assert found["QueueArn"].endswith(f":{box.name}")
    assert json.loads(found["RedrivePolicy"])["deadLetterTargetArn"] == box.arn(box.dead)
    assert int(found["CreatedTimestamp"]) <= int(found["LastModifiedTimestamp"])
    call_with(box, "set_queue_attributes", Attributes={"DelaySeconds": "5"})
    chosen = box.sqs.get_queue_attributes(QueueUrl=box.url, AttributeNames=["DelaySeconds"])
    assert chosen["Attributes"] == {"DelaySeconds": "5"}


def test_creating_a_queue_again_succeeds_and_with_other_attributes_fails(box: Box) -> None:
    again = box.sqs.create_queue(QueueName=box.name, Attributes={"VisibilityTimeout": "30"})
    assert again["QueueUrl"] == box.url
    with pytest.raises(ClientError) as error:
        box.sqs.create_queue(QueueName=box.name, Attributes={"VisibilityTimeout": "31"})
    assert code(error) == "QueueAlreadyExists"


def test_queues_are_listed_by_their_prefix(box: Box) -> None:
    listed = box.sqs.list_queues(QueueNamePrefix=box.name)["QueueUrls"]
    assert sorted(listed) == sorted([box.url, box.dead])


@pytest.mark.deviates("ministack", "has no ListDeadLetterSourceQueues")
def test_queues_are_listed_by_their_dead_letter_queue(box: Box) -> None:
    sources = box.sqs.list_dead_letter_source_queues(QueueUrl=box.dead)
    assert sources["queueUrls"] == [box.url]


def test_a_purge_deletes_all_messages(box: Box) -> None:
    for number in range(3):
        box.send("x", DelaySeconds=number and 900)
    box.receive()
    box.sqs.purge_queue(QueueUrl=box.url)
    wait_for(lambda: box.counts() == (0, 0, 0))


def test_tags_are_stored(box: Box) -> None:
    box.sqs.tag_queue(QueueUrl=box.url, Tags={"a": "1", "b": "2"})
    box.sqs.untag_queue(QueueUrl=box.url, TagKeys=["a"])
    assert box.sqs.list_queue_tags(QueueUrl=box.url)["Tags"] == {"b": "2"}


def dead_letters(box: Box, number: int) -> None:
    for each in range(number):
        box.send(str(each))
    for _ in range(2):
        taken = 0
        while taken < number:
            taken += len(box.receive(VisibilityTimeout=0))
    while box.receive():
        pass
    assert box.counts(box.dead)[0] == number


@pytest.mark.deviates("ministack", "has no StartMessageMoveTask")
def test_dead_letters_are_moved_back_to_their_source_queue(box: Box) -> None:
    dead_letters(box, 10)
    box.sqs.start_message_move_task(SourceArn=box.arn(box.dead))
    wait_for(lambda: box.counts(box.url)[0] == 10)
    [task] = box.sqs.list_message_move_tasks(SourceArn=box.arn(box.dead))["Results"]
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 10)
    assert [message["Attributes"]["ApproximateReceiveCount"] for message in box.receive()] == ["1"] * 10


@pytest.mark.deviates("ministack", "has no StartMessageMoveTask")
def test_a_move_task_can_be_cancelled_and_only_one_runs(box: Box) -> None:
    dead_letters(box, 3)
    arn = box.arn(box.dead)
    handle = box.sqs.start_message_move_task(SourceArn=arn, MaxNumberOfMessagesPerSecond=1)["TaskHandle"]
    with pytest.raises(ClientError) as error:
        box.sqs.start_message_move_task(SourceArn=arn)
    assert code(error) == QUERY + "UnsupportedOperation"
    assert box.sqs.cancel_message_move_task(TaskHandle=handle)["ApproximateNumberOfMessagesMoved"] <= 1
    [task] = box.sqs.list_message_move_tasks(SourceArn=arn)["Results"]
    assert task["Status"] in {"CANCELLING", "CANCELLED"}
    with pytest.raises(ClientError) as error:
        box.sqs.start_message_move_task(SourceArn=arn + "-none")
    assert code(error) == "ResourceNotFoundException"
