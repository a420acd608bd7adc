"""The frames of raw blocks, as a decoder of Zstandard has read them."""

from __future__ import annotations

import pytest

from local.servers.solana.zstd import MOST_BLOCK, frame


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "28b52ffda000000000010000"),
        (b"abc", "28b52ffda003000000190000616263"),
    ],
)
def test_a_frame_has_one_raw_block(data: bytes, text: str) -> None:
    assert frame(data).hex() == text


def test_a_long_account_has_several_blocks_of_which_one_is_the_last() -> None:
    found = frame(bytes(MOST_BLOCK + 1))
    first, last = 9, 9 + 3 + MOST_BLOCK
    assert found[first : first + 3] == (MOST_BLOCK << 3).to_bytes(3, "little")
    assert found[last:] == b"\x09\x00\x00\x00"
