"""Zstandard without compression: a frame of raw blocks, which any decoder reads (RFC 8878, 3.1.1).

Rust clients, `solana` and `spl-token` among them, ask for accounts in the encoding `base64+zstd`.
"""

from __future__ import annotations

MOST_BLOCK = 128 * 1024

_MAGIC = (0xFD2FB528).to_bytes(4, "little")
_SINGLE_SEGMENT = b"\xa0"  # its size follows in 4 bytes


def frame(data: bytes) -> bytes:
    """The data as a frame."""
    blocks = [data[at : at + MOST_BLOCK] for at in range(0, len(data), MOST_BLOCK)] or [b""]
    headers = [len(block) << 3 for block in blocks]  # of type 0, which is raw
    headers[-1] |= 1  # the last block
    body = b"".join(
        header.to_bytes(3, "little") + block for header, block in zip(headers, blocks, strict=True)
    )
    return _MAGIC + _SINGLE_SEGMENT + len(data).to_bytes(4, "little") + body
