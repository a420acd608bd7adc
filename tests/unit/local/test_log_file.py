"""The engine's log file, and `logs`, which shows it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from chalicelib.logs import Line
from click.testing import CliRunner

from local.cli.logs import logs
from local.log_file import FOLDER, OLDER, LogFile, files
from local.log_lines import as_json
from tests.fakes import eventually

ONE, OTHER = "7f0c2f8e-6f1e-4a53-9d1b-0c5f0f6c2a11", "7f0caaaa-6f1e-4a53-9d1b-0c5f0f6c2a11"


def record(message: object, *values: object, level: int = logging.INFO) -> logging.LogRecord:
    return logging.LogRecord("chalicelib.x", level, __file__, 1, message, values, None)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def handler(tmp_path: Path) -> Iterator[LogFile]:
    made = LogFile(tmp_path / FOLDER / "engine.log", most_bytes=1000)
    yield made
    made.close()


def test_a_line_has_its_event_and_a_field_for_each_key() -> None:
    found = json.loads(as_json(record(Line("transition", order=ONE, seq=2, code=None))))
    assert found.pop("at").endswith("Z")
    assert found == {
        "level": "INFO",
        "logger": "chalicelib.x",
        "event": "transition",
        "order": ONE,
        "seq": 2,
    }


def test_a_line_with_values_that_are_no_fields_has_its_text() -> None:
    found = json.loads(as_json(record("%s raised (request %s)", "api", "id")))
    assert found["event"] == "api raised (request id)"


def test_passwords_are_masked() -> None:
    text = as_json(record("away url=%s error=%r", "redis://user:secret@host", OSError("password=secret")))
    assert b"secret" not in text
    assert json.loads(text)["url"] == "redis://user:***@host"


async def test_a_line_is_written_soon_and_a_warning_at_once(handler: LogFile, tmp_path: Path) -> None:
    path = tmp_path / FOLDER / "engine.log"
    handler.handle(record("first"))
    handler.handle(record("second", level=logging.WARNING))
    assert [line["event"] for line in lines(path)] == ["first", "second"]
    handler.handle(record("third"))
    await eventually(lambda: len(lines(path)) == 3)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_is_rotated_and_the_oldest_one_goes(handler: LogFile, tmp_path: Path) -> None:
    for number in range(100):
        handler.handle(record(f"line {number}", level=logging.WARNING))
    kept = files(tmp_path)["engine"]
    assert len(kept) == OLDER + 1
    assert all(path.stat().st_size < 1200 for path in kept)
    found = [line["event"] for path in kept for line in lines(path)]
    assert found == [f"line {number}" for number in range(100 - len(found), 100)]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The logs of two processes: a transition of each of two orders, and a warning."""
    (tmp_path / FOLDER).mkdir()
    written = {
        "worker": [
            line("10:00:01", "transition", order=ONE, seq=2),
            line("10:00:03", "transition", order=OTHER, seq=2),
        ],
        "gateway": [
            line("10:00:00", "request", order=ONE, status=202),
            line("10:00:02", "cannot publish", level="WARNING"),
        ],
    }
    for name, found in written.items():
        text = "".join(json.dumps(one) + "\n" for one in found)
        (tmp_path / FOLDER / f"{name}.log").write_text(text + '{"at": "cut o')
    return tmp_path


def line(at: str, event: str, level: str = "INFO", **more: object) -> dict[str, object]:
    return {"at": f"2026-01-31T{at}.000Z", "level": level, "logger": "x", "event": event, **more}


def shown(state: Path, *arguments: str) -> list[str]:
    result = CliRunner().invoke(logs, ["--state", str(state), "--json", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found = [json.loads(text) for text in result.output.splitlines()]
    return [f"{one['at'][17:19]} {one['process']} {one['event']}" for one in found]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            (),
            [
                "00 gateway request",
                "01 worker transition",
                "02 gateway cannot publish",
                "03 worker transition",
            ],
        ),
        ((ONE,), ["00 gateway request", "01 worker transition"]),
        (("7F0C2",), ["00 gateway request", "01 worker transition"]),
        (("--level", "warning"), ["02 gateway cannot publish"]),
        (("--since", "2026-01-31T11:00:02+01:00"), ["02 gateway cannot publish", "03 worker transition"]),
        (("ffff",), []),
    ],
)
def test_the_lines_of_all_processes_are_shown_by_time(
    state: Path, arguments: tuple[str, ...], expected: list[str]
) -> None:
    assert shown(state, *arguments) == expected


def test_the_beginning_of_two_ids_is_refused_with_both(state: Path) -> None:
    result = CliRunner().invoke(logs, ["--state", str(state), "7f0c"])
    assert result.exit_code == 2
    assert ONE in result.output


def test_without_a_log_the_command_says_so(tmp_path: Path) -> None:
    result = CliRunner().invoke(logs, ["--state", str(tmp_path)])
    assert (result.exit_code, "Nothing is logged" in result.output) == (2, True)
