from __future__ import annotations

import logging

import pytest
from chalicelib import logs
from chalicelib.logs import Fields, Line, found_in


def fields(message: str, *values: object) -> dict[str, object]:
    """The fields that a log line has beside those of every record."""
    record = logging.LogRecord("chalicelib", logging.INFO, __file__, 1, message, values, None)
    usual = set(vars(record))
    assert Fields().filter(record)
    record.getMessage()  # the text is not spoilt
    return {key: value for key, value in vars(record).items() if key not in usual}


@pytest.mark.parametrize(
    ("message", "values", "expected"),
    [
        ("order withdrawn order=%s", ("id",), {"order": "id"}),
        ("sweep queued=%d took_ms=%.0f", (3, 1.5), {"queued": 3, "took_ms": 1.5}),
        ("failed order=%s error=%r", ("id", OSError("away")), {"order": "id", "error": "OSError('away')"}),
        ("100 %% of %s order=%s", ("all", "id"), {"order": "id"}),
        ("text=%.100r", ("x" * 3,), {"text": "'xxx'"}),
        ("no fields", (), {}),
    ],
)
def test_each_key_of_a_line_is_a_field(
    message: str, values: tuple[object, ...], expected: dict[str, object]
) -> None:
    assert fields(message, *values) == expected


def test_a_records_own_attributes_are_not_replaced() -> None:
    assert fields("name=%s args=%s", "other", "other") == {}


def test_a_line_is_text_with_those_of_its_fields_that_have_a_value() -> None:
    line = Line("fired", orders=3, shard=0, code=None, venue="")
    assert str(line) == "fired orders=3 shard=0"
    record = logging.LogRecord("chalicelib", logging.INFO, __file__, 1, line, (), None)
    assert found_in(record) == {"orders": 3, "shard": 0}
    assert record.getMessage() == "fired orders=3 shard=0"


def test_an_often_logged_line_goes_to_the_sink_where_there_is_one(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "chalicelib")
    taken: list[tuple[str, Line]] = []
    log, line = logging.getLogger("chalicelib.x"), Line("fired")
    logs.send_to(lambda *sent: taken.append(sent))
    logs.info(log, line)
    logs.send_to(None)
    logs.info(log, line)
    assert (taken, len(caplog.records)) == ([("chalicelib.x", line)], 1)
