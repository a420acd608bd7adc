"""What the load client reads and writes: HTTP answers and WebSocket frames, in whatever pieces they come."""

from __future__ import annotations

import pytest

from tests.bench.client.frames import Frame, Opcode, masked_frame, parse_frame
from tests.bench.client.http import ProtocolError, parse_response, request_bytes
from tests.bench.client.listening import is_whole
from tests.bench.client.submitting import Target

ANSWER = b"HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\nContent-Length: 2\r\n\r\n{}"


def server_frame(payload: bytes, first: int = 0x81) -> bytes:
    length = len(payload)
    if length < 126:
        return bytes((first, length)) + payload
    if length < 1 << 16:
        return bytes((first, 126)) + length.to_bytes(2, "big") + payload
    return bytes((first, 127)) + length.to_bytes(8, "big") + payload


def test_a_request_has_what_http_asks_for() -> None:
    assert request_bytes("POST", "h:1", "/p", b"{}") == (
        b"POST /p HTTP/1.1\r\nHost: h:1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    )


def test_an_answer_is_read_once_it_is_complete() -> None:
    assert all(parse_response(ANSWER[:end]) is None for end in range(len(ANSWER)))
    found = parse_response(ANSWER + b"HTTP/1.1 200 OK")
    assert found is not None
    response, end = found
    assert (response.status, response.body, end) == (202, b"{}", len(ANSWER))


@pytest.mark.parametrize("received", [b"SSH-2.0\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_an_answer_that_cannot_be_read_is_refused(received: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_response(received)


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536])
def test_a_frame_of_any_length_is_read_once_it_is_complete(length: int) -> None:
    whole = server_frame(b"x" * length)
    assert parse_frame(whole[:-1]) is None
    assert parse_frame(whole + b"more") == (Frame(Opcode.TEXT, b"x" * length), len(whole))


def test_two_frames_are_read_one_after_the_other() -> None:
    both = server_frame(b"a", first=0x01) + server_frame(b"b", first=0x80)
    assert parse_frame(both) == (Frame(Opcode.TEXT, b"a", last=False), 3)
    assert parse_frame(both, 3) == (Frame(Opcode.CONTINUATION, b"b"), 6)


def test_a_clients_frame_is_masked() -> None:
    frame = masked_frame(Opcode.TEXT, b"Hello", b"\x37\xfa\x21\x3d")
    assert frame == bytes.fromhex("818537fa213d7f9f4d5158")  # RFC 6455, 5.7


def test_a_websocket_address_may_be_a_path_or_a_url() -> None:
    target = Target("127.0.0.1", 3000)
    assert target.socket_path("/a?orderId=1") == "/a?orderId=1"
    assert target.socket_path("ws://elsewhere/a?orderId=1") == "/a?orderId=1"


@pytest.mark.parametrize(
    ("statuses", "whole"),
    [
        (["pending", "routing", "building", "submitted", "confirmed"], True),
        (["pending", "routing", "routing", "building", "submitted", "confirmed"], True),  # one twice
        (["confirmed"], False),
        (["routing", "pending", "building", "submitted", "confirmed"], False),  # out of order
        ([], False),
    ],
)
def test_a_connection_that_missed_an_event_is_counted(statuses: list[str], whole: bool) -> None:
    assert is_whole(statuses) is whole
