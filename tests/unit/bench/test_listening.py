"""Which connections have missed an event."""

from __future__ import annotations

import pytest

from tests.bench.client.listening import is_whole


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
