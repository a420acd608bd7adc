"""WebSocket frames (RFC 6455, 5.2): a client's are masked, a server's are not."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import IntEnum


class Opcode(IntEnum):
    """What a frame carries."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame; `last` of its message."""

    opcode: Opcode
    payload: bytes
    last: bool = True


def parse_frame(received: bytes, start: int = 0) -> tuple[Frame, int] | None:
    """The server's frame at `start` and where it ends, or None while it is not whole."""
    if len(received) < start + 2:
        return None
    first, length, at = received[start], received[start + 1], start + 2
    if extended := {126: 2, 127: 8}.get(length):
        if len(received) < at + extended:
            return None
        length, at = int.from_bytes(received[at : at + extended], "big"), at + extended
    end = at + length
    if len(received) < end:
        return None
    return Frame(Opcode(first & 0x0F), received[at:end], bool(first & 0x80)), end


def masked_frame(opcode: Opcode, payload: bytes, mask: bytes | None = None) -> bytes:
    """A client's frame, whole."""
    mask = mask or os.urandom(4)
    length = len(payload)
    if length < 126:
        head = bytes((0x80 | opcode, 0x80 | length))
    elif length < 1 << 16:
        head = bytes((0x80 | opcode, 0x80 | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0x80 | 127)) + length.to_bytes(8, "big")
    return head + mask + bytes(byte ^ mask[index & 3] for index, byte in enumerate(payload))
