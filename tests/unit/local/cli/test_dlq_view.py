from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from chalicelib.domain.lifecycle import Status
from chalicelib.ports.queue import DeadLetter
from chalicelib.services.redrive import Tally

from local.cli.dlq_view import no_order_view, printable, row, summary, tally_row
from tests.unit.local.client.commands.test_view import drawn


def dead_letter(body: str, order_id: str | None = None) -> DeadLetter:
    return DeadLetter("message-1", "receipt", body, order_id, datetime.now(UTC) - timedelta(hours=2))


@pytest.mark.parametrize(
    ("dead", "reason"),
    [
        (dead_letter("x"), "it is not JSON"),
        (dead_letter("[" * 100_000), "it is not JSON"),  # deeper than a parser reads
        (dead_letter("{}"), "it names no order"),
        (dead_letter('{"orderId": "a"}', "a"), "there is no order a"),
    ],
    ids=["text", "deep", "object", "unknown"],
)
def test_a_message_without_an_order_is_shown_with_its_reason(dead: DeadLetter, reason: str) -> None:
    found = row(dead, None)
    assert found["poison"] == reason
    text = drawn(no_order_view([found], 200))
    assert reason in text
    assert "message-1" in text
    assert "2 h" in text


def test_a_body_is_shown_on_one_line_without_control_characters() -> None:
    assert printable("a\nb\x1b[2J\x9b2Jü") == "a\\nb\\x1b[2J\\x9b2Jü"


def test_a_summary_counts_what_was_redriven_dropped_and_left() -> None:
    tally = Tally(
        read=6,
        redriven=["a", "b"],
        dropped={"c": Status.CONFIRMED},
        again={"d"},
        unknown={"e", "f"},
        poison=[dead_letter('{"orderId": "e"}', "e")],
    )
    assert summary(tally).splitlines() == [
        "redriven: 2 orders",
        "dropped:  1 order is confirmed, so the dead letters were deleted",
        "left:     1 order failed again; redrive once what is wrong is mended",
        "left:     1 message without an order; see `dlq list`, and `dlq delete MESSAGE`",
        "left:     there is no order f",
    ]
    assert tally_row(tally)["left"] == [
        {"orderId": "d", "reason": "it failed again"},
        {"orderId": "f", "reason": "there is no such order"},
        {"messageId": "message-1", "reason": "poison"},
    ]
