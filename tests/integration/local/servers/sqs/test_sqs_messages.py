"""Messages through boto3, on every server that implements SQS: sends, receives, batches, errors."""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.local.servers.sqs.boto3_calls import QUERY, call_with, code, later
from tests.integration.local.servers.sqs.conftest import Box

TAKEN_BY_MINISTACK = pytest.mark.deviates("ministack", "does not refuse it")


def test_a_message_has_its_checksum_and_its_attributes(box: Box) -> None:
    before_ms = time.time() * 1000 - 1000
    sent = box.send("grüß dich")
    assert sent["MD5OfMessageBody"] == hashlib.md5("grüß dich".encode()).hexdigest()
    [message] = box.receive()
    assert message["MessageId"] == sent["MessageId"]
    assert message["Body"] == "grüß dich"
    assert message["MD5OfBody"] == sent["MD5OfMessageBody"]
    attributes = message["Attributes"]
    assert attributes["ApproximateReceiveCount"] == "1"
    assert before_ms < int(attributes["SentTimestamp"]) <= int(attributes["ApproximateFirstReceiveTimestamp"])
    assert attributes["SenderId"]


def test_message_attributes_are_received_as_they_were_sent(box: Box) -> None:
    given = {
        "text": {"DataType": "String", "StringValue": "ü"},
        "number": {"DataType": "Number.int", "StringValue": "1"},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    sent = box.send("x", MessageAttributes=given)
    [message] = box.receive()
    assert message["MessageAttributes"] == given
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert sent["MD5OfMessageAttributes"] == "e862e1db18cd39c1553458c54215276f"


def test_a_message_of_a_group_is_received_with_it(box: Box) -> None:
    group = "an-account.of_40" + "~" * 112
    box.send("x", MessageGroupId=group)
    entry = {"Id": "0", "MessageBody": "x", "MessageGroupId": group}
    assert box.sqs.send_message_batch(QueueUrl=box.url, Entries=[entry])["Successful"]
    for _ in range(2):
        [message] = box.receive(MaxNumberOfMessages=1)
        assert message["Attributes"]["MessageGroupId"] == group


@pytest.mark.deviates("ministack", "takes every message in its order")
def test_messages_of_several_groups_are_received_in_turn(box: Box) -> None:
    for body in ("a0", "a1", "a2", "b0"):
        box.send(body, MessageGroupId=body[0])
    assert [message["Body"] for message in box.receive()] == ["a0", "b0", "a1", "a2"]


@TAKEN_BY_MINISTACK
@pytest.mark.parametrize("group", ["a b", "x" * 129, "ü"])
def test_a_group_of_another_form_is_refused(box: Box, group: str) -> None:
    with pytest.raises(ClientError) as refused:
        box.send("x", MessageGroupId=group)
    assert code(refused) == "InvalidParameterValue"


def test_only_the_requested_attributes_are_returned(box: Box) -> None:
    attribute = {"DataType": "String", "StringValue": "x"}
    box.send("x", MessageAttributes={"a.b": attribute, "a.c": attribute, "d": attribute})
    [message] = box.receive(VisibilityTimeout=0, AttributeNames=[], MessageAttributeNames=["a.*"])
    assert set(message["MessageAttributes"]) == {"a.b", "a.c"}
    [message] = box.receive(AttributeNames=["SentTimestamp"], MessageAttributeNames=[])
    assert set(message["Attributes"]) == {"SentTimestamp"}
    assert "MessageAttributes" not in message


def test_a_received_message_is_hidden_until_its_timeout_is_set_to_zero(box: Box) -> None:
    box.send("x")
    [message] = box.receive()
    assert box.receive() == []
    assert box.counts() == (0, 1, 0)
    box.sqs.change_message_visibility(
        QueueUrl=box.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
    )
    [again] = box.receive()
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"
    first = "ApproximateFirstReceiveTimestamp"
    assert again["Attributes"][first] == message["Attributes"][first]


def test_a_deleted_message_is_not_received_again(box: Box) -> None:
    box.send("x")
    [message] = box.receive(VisibilityTimeout=1)
    box.sqs.delete_message(QueueUrl=box.url, ReceiptHandle=message["ReceiptHandle"])
    assert box.receive(WaitTimeSeconds=2) == []
    assert box.counts() == (0, 0, 0)


def test_a_delayed_message_is_received_after_its_delay(box: Box) -> None:
    begin = time.monotonic()
    box.send("x", DelaySeconds=1)
    assert box.receive() == []
    assert box.counts() == (0, 0, 1)
    later(box)
    assert time.monotonic() - begin > 0.9


def test_a_message_received_too_often_becomes_a_dead_letter(box: Box) -> None:
    sent = box.send("x", MessageAttributes={"a": {"DataType": "String", "StringValue": "b"}})
    for _ in range(2):
        [message] = box.receive(VisibilityTimeout=0)
    assert box.receive() == []
    [dead_letter] = later(box, url=box.dead)
    assert dead_letter["MessageId"] == sent["MessageId"]
    assert dead_letter["Attributes"]["SentTimestamp"] == message["Attributes"]["SentTimestamp"]
    assert dead_letter["MessageAttributes"]["a"]["StringValue"] == "b"
    assert box.counts() == (0, 0, 0)


def test_the_receive_count_continues_in_the_dead_letter_queue(box: Box) -> None:
    box.send("x")
    for _ in range(2):
        box.receive(VisibilityTimeout=0)
    assert box.receive() == []
    [dead_letter] = later(box, url=box.dead)
    assert dead_letter["Attributes"]["ApproximateReceiveCount"] == "3"
    assert dead_letter["Attributes"]["DeadLetterQueueSourceArn"] == box.arn(box.url)


def test_a_batch_has_a_result_for_each_entry(box: Box) -> None:
    entries = [{"Id": str(number), "MessageBody": str(number)} for number in range(10)]
    sent = box.sqs.send_message_batch(QueueUrl=box.url, Entries=entries)
    assert [each["Id"] for each in sent["Successful"]] == [each["Id"] for each in entries]
    messages = box.receive()
    assert sorted(message["Body"] for message in messages) == [str(number) for number in range(10)]
    receipts = [
        {"Id": f"m{index}", "ReceiptHandle": message["ReceiptHandle"]}
        for index, message in enumerate(messages)
    ]
    shown = [entry | {"VisibilityTimeout": 0} for entry in receipts[:2]]
    changed = box.sqs.change_message_visibility_batch(QueueUrl=box.url, Entries=shown)
    assert len(changed["Successful"]) == 2
    assert box.counts() == (2, 8, 0)
    deleted = box.sqs.delete_message_batch(QueueUrl=box.url, Entries=receipts[2:])
    assert len(deleted["Successful"]) == 8
    assert box.counts() == (2, 0, 0)


def test_an_entry_that_fails_leaves_the_others_alone(box: Box) -> None:
    box.send("x")
    [message] = box.receive()
    entries = [
        {"Id": "right", "ReceiptHandle": message["ReceiptHandle"]},
        {"Id": "wrong", "ReceiptHandle": "nonsense"},
    ]
    answer = box.sqs.delete_message_batch(QueueUrl=box.url, Entries=entries)
    assert [each["Id"] for each in answer["Successful"]] == ["right"]
    [failed] = answer["Failed"]
    assert (failed["Id"], failed["Code"], failed["SenderFault"]) == ("wrong", "ReceiptHandleIsInvalid", True)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([], "EmptyBatchRequest"),
        ([(str(number), "x") for number in range(11)], "TooManyEntriesInBatchRequest"),
        ([("a", "x"), ("a", "y")], "BatchEntryIdsNotDistinct"),
        ([("a b", "x")], "InvalidBatchEntryId"),
        ([("a", "x" * 600_000), ("b", "x" * 600_000)], "BatchRequestTooLong"),
    ],
)
def test_a_wrong_batch_is_refused(box: Box, entries: list[tuple[str, str]], expected: str) -> None:
    given = [{"Id": entry_id, "MessageBody": body} for entry_id, body in entries]
    with pytest.raises(ClientError) as error:
        box.sqs.send_message_batch(QueueUrl=box.url, Entries=given)
    assert code(error) == QUERY + expected
    assert box.counts() == (0, 0, 0)


def test_a_missing_queue_is_an_error(box: Box) -> None:
    nowhere = box.url + "-none"
    for call in (
        lambda: box.sqs.get_queue_url(QueueName=f"{box.name}-none"),
        lambda: box.sqs.send_message(QueueUrl=nowhere, MessageBody="x"),
        lambda: box.sqs.receive_message(QueueUrl=nowhere),
        lambda: box.sqs.get_queue_attributes(QueueUrl=nowhere, AttributeNames=["All"]),
    ):
        with pytest.raises(box.sqs.exceptions.QueueDoesNotExist) as error:
            call()
        assert code(error) == QUERY + "NonExistentQueue"


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        ("delete_message", {"ReceiptHandle": "nonsense"}, "ReceiptHandleIsInvalid"),
        ("receive_message", {"MaxNumberOfMessages": 11}, "InvalidParameterValue"),
        ("receive_message", {"MaxNumberOfMessages": 0}, "InvalidParameterValue"),
        pytest.param(
            *("receive_message", {"WaitTimeSeconds": 21}, "InvalidParameterValue"),
            marks=pytest.mark.deviates("ministack", "takes it"),
        ),
        pytest.param(
            *("send_message", {"MessageBody": "x", "DelaySeconds": 901}, "InvalidParameterValue"),
            marks=pytest.mark.deviates("ministack", "takes it"),
        ),
        ("send_message", {"MessageBody": "x" * 1_048_577}, "InvalidParameterValue"),
        ("send_message", {"MessageBody": ""}, "MissingParameter"),
        ("send_message", {"MessageBody": "\0"}, "InvalidMessageContents"),
        pytest.param(
            *("get_queue_attributes", {"AttributeNames": ["Nonsense"]}, "InvalidAttributeName"),
            marks=pytest.mark.deviates("ministack", "takes it"),
        ),
        pytest.param(
            *("set_queue_attributes", {"Attributes": {"Nonsense": "1"}}, "InvalidAttributeName"),
            marks=pytest.mark.deviates("ministack", "takes it"),
        ),
        ("set_queue_attributes", {"Attributes": {"VisibilityTimeout": "43201"}}, "InvalidAttributeValue"),
    ],
)
def test_a_wrong_parameter_is_refused(box: Box, operation: str, given: dict[str, Any], expected: str) -> None:
    box.send("x")  # or a receive that is not refused would wait
    with pytest.raises(ClientError) as error:
        call_with(box, operation, **given)
    assert code(error) == expected


@pytest.mark.deviates("ministack", "has another error for it")
def test_a_message_that_is_not_in_flight_cannot_be_hidden(box: Box) -> None:
    box.send("x")
    [message] = box.receive(VisibilityTimeout=0)
    given = {"ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 5}
    with pytest.raises(ClientError) as error:
        call_with(box, "change_message_visibility", **given)
    assert code(error) == QUERY + "MessageNotInflight"


@pytest.mark.parametrize("wakes", ["a send", "a message that shows again"])
def test_a_long_poll_returns_at_once_when_a_message_arrives(box: Box, wakes: str) -> None:
    receipt = ""
    if wakes != "a send":
        box.send("x")
        receipt = box.receive()[0]["ReceiptHandle"]
    with ThreadPoolExecutor(1) as thread:
        poll = thread.submit(box.receive, WaitTimeSeconds=20)
        time.sleep(0.3)  # it may as well not wait yet, and then there is less to see
        assert not poll.done()
        if receipt:
            call_with(box, "change_message_visibility", ReceiptHandle=receipt, VisibilityTimeout=0)
        else:
            box.send("x")
        assert len(poll.result(timeout=10)) == 1  # half of its own time


def test_a_long_poll_of_an_empty_queue_waits_its_full_time(box: Box) -> None:
    begin = time.monotonic()
    assert box.receive(WaitTimeSeconds=1) == []
    assert time.monotonic() - begin > 0.9
