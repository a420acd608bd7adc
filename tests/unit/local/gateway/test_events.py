"""Events that the gateway and the triggers build for functions, and the limits they apply."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from local.calls import LambdaContext
from local.gateway.errors import FunctionFailed, TooManyRequests
from local.gateway.events import (
    connect_event,
    disconnect_event,
    message_event,
    new_connection_id,
    rest_event,
)
from local.gateway.http import Response
from local.gateway.invoker import TokenBucket
from local.triggers.mapping import queue_arn, sqs_event
from local.triggers.schedule import schedule_event
from local.triggers.sources import Buffer


def scope(**changes: Any) -> dict[str, Any]:
    """An ASGI scope."""
    given = {
        "path": "/api/orders/a b",
        "query_string": b"x=1&x=%C3%A9&flag",
        "headers": [(b"host", b"127.0.0.1:3000"), (b"sec-websocket-key", b"k"), (b"user-agent", b"curl/8")],
        "client": ("127.0.0.1", 50000),
        "http_version": "1.1",
        "scheme": "http",
        "root_path": "",
    }
    return given | changes


def event_of(body: bytes = b"", **changes: Any) -> dict[str, Any]:
    return rest_event(
        scope(method="POST", **changes),
        route="/api/orders/{orderId}",
        captured={"orderId": "a%20b"},
        body=body,
        stage="local",
    )


def test_a_rest_event_has_every_field_of_a_proxy_event() -> None:
    event = event_of(b"{}")
    assert set(event) == {
        "resource",
        "path",
        "httpMethod",
        "headers",
        "multiValueHeaders",
        "queryStringParameters",
        "multiValueQueryStringParameters",
        "pathParameters",
        "stageVariables",
        "requestContext",
        "body",
        "isBase64Encoded",
    }
    assert event["pathParameters"] == {"orderId": "a b"}
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "é"], "flag": [""]}
    context = event["requestContext"]
    assert context["resourcePath"] == "/api/orders/{orderId}"
    assert (context["httpMethod"], context["path"], context["stage"]) == ("POST", "/api/orders/a b", "local")
    assert context["identity"] == {"sourceIp": "127.0.0.1", "userAgent": "curl/8"}
    assert context["domainName"] == "127.0.0.1:3000"


def test_header_names_are_capitalised() -> None:
    headers = event_of()["headers"]
    assert {"Host", "Sec-WebSocket-Key", "User-Agent", "X-Forwarded-For", "X-Forwarded-Proto"} == set(headers)


def test_missing_parts_are_null_as_on_aws() -> None:
    event = event_of(query_string=b"")
    assert event["queryStringParameters"] is None
    assert event["multiValueQueryStringParameters"] is None
    assert event["body"] is None


@pytest.mark.parametrize("body", [b"\xff", b"\xc3", b"ok \x80"])
def test_a_body_that_is_not_utf8_is_base64(body: bytes) -> None:
    event = event_of(body)
    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == body


def test_websocket_events_have_their_type_and_route() -> None:
    connected = connect_event(scope(), "id=", 1700, "local")
    message = message_event(scope(), "id=", 1700, "local", "text")
    closed = disconnect_event(scope(), "id=", 1700, "local", 1001, "bye")
    contexts = [event["requestContext"] for event in (connected, message, closed)]
    assert [context["eventType"] for context in contexts] == ["CONNECT", "MESSAGE", "DISCONNECT"]
    assert [context["routeKey"] for context in contexts] == ["$connect", "$default", "$disconnect"]
    assert {(context["connectionId"], context["connectedAt"]) for context in contexts} == {("id=", 1700)}
    assert connected["queryStringParameters"] == {"x": "é", "flag": ""}
    assert (message["body"], message["isBase64Encoded"]) == ("text", False)
    assert (contexts[2]["disconnectStatusCode"], contexts[2]["disconnectReason"]) == (1001, "bye")


def test_connection_ids_have_api_gateways_form_and_differ() -> None:
    ids = {new_connection_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(len(each) == 16 and each.endswith("=") for each in ids)


def test_a_bucket_lets_the_burst_through_and_then_the_rate() -> None:
    now = 0.0
    bucket = TokenBucket(10, 3, clock=lambda: now)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    now = 0.1  # one token more
    assert [bucket.take() for _ in range(2)] == [True, False]
    now = 100.0  # at most the burst
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]


def test_a_functions_answer_becomes_a_response() -> None:
    answer = {
        "statusCode": 202,
        "headers": {"X-One": "1"},
        "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]},
        "body": "é",
    }
    response = Response.from_lambda(answer)
    assert (response.status_code, response.body) == (202, "é".encode())
    assert response.headers.items() == [
        ("x-one", "1"),
        ("content-length", "2"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
        ("content-type", "application/json"),
    ]
    binary = Response.from_lambda({"statusCode": 200, "body": "/wA=", "isBase64Encoded": True})
    assert binary.body == b"\xff\x00"


@pytest.mark.parametrize(
    "answer",
    [None, "text", {}, {"statusCode": "many"}, {"statusCode": 200, "body": {"not": "text"}}],
)
def test_an_invalid_answer_is_a_failure(answer: Any) -> None:
    with pytest.raises(FunctionFailed):
        Response.from_lambda(answer)


def test_refusals_have_the_headers_for_a_retry() -> None:
    assert dict(Response.refusing(TooManyRequests(), {}).headers)["retry-after"] == "1"


def test_an_sqs_event_names_its_queue() -> None:
    arn = queue_arn("http://127.0.0.1:4566/123456789012/orders", "eu-west-1")
    assert arn == "arn:aws:sqs:eu-west-1:123456789012:orders"
    message = {
        "MessageId": "m",
        "ReceiptHandle": "r",
        "Body": "b",
        "MD5OfBody": "d",
        "Attributes": {"ApproximateReceiveCount": "2"},
        "MessageAttributes": {"n": {"DataType": "Number", "StringValue": "7"}},
    }
    (record,) = sqs_event(message, arn)["Records"]
    assert (record["messageId"], record["receiptHandle"], record["body"]) == ("m", "r", "b")
    assert record["attributes"] == {"ApproximateReceiveCount": "2"}
    assert record["messageAttributes"]["n"]["stringValue"] == "7"
    assert (record["eventSourceARN"], record["awsRegion"]) == (arn, "eu-west-1")


def test_a_schedule_event_has_eventbridges_form() -> None:
    event = schedule_event("sweep")
    assert event["detail-type"] == "Scheduled Event"
    assert event["resources"] == ["arn:aws:events:us-east-1:000000000000:rule/sweep"]


def test_a_contexts_time_runs_out() -> None:
    assert 59_000 < LambdaContext("f", 60).get_remaining_time_in_millis() <= 60_000
    assert LambdaContext("f", -1).get_remaining_time_in_millis() == 0
    assert LambdaContext("f", 1).aws_request_id != LambdaContext("f", 1).aws_request_id


async def test_a_buffer_has_room_for_waiting_takes_without_a_reserved_item() -> None:
    buffer: Buffer[int] = Buffer()
    takes = [asyncio.create_task(buffer.take()) for _ in range(12)]
    await asyncio.sleep(0)
    assert await buffer.reserve(10) == 10
    assert await buffer.reserve(10) == 2
    third = asyncio.create_task(buffer.reserve(10))
    buffer.put([1, 2, 3], reserved=10)  # seven waiting takes have no reserved item
    assert await third == 7
    buffer.close()
    assert sorted(item for item in await asyncio.gather(*takes) if item) == [1, 2, 3]


async def test_a_buffer_without_waiting_takes_has_no_room() -> None:
    buffer: Buffer[int] = Buffer()
    reserving = asyncio.create_task(buffer.reserve(10))
    await asyncio.sleep(0)
    assert not reserving.done()
    take = asyncio.create_task(buffer.take())
    assert await reserving == 1
    buffer.put([1], reserved=1)
    assert await take == 1


async def test_a_closed_buffer_returns_nothing() -> None:
    buffer: Buffer[int] = Buffer()
    waiting = asyncio.create_task(buffer.take())
    assert await buffer.reserve(2) == 1
    buffer.close()
    buffer.put([1], reserved=1)  # came while closing
    assert await waiting is None
    assert await buffer.reserve(1) == 0
    assert buffer.take_all() == [1]
