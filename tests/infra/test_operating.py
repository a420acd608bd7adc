"""The guide for those who operate a stage: it names every alarm, and its commands and links are there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from infra.__main__ import cli as infra
from local import ROOT
from local.cli import cli as local
from tests.e2e import readme

GUIDE = ROOT / "infra" / "guides" / "operating.md"
TEXT = GUIDE.read_text()
TEMPLATES = "".join(path.read_text() for path in sorted((ROOT / "infra" / "templates").glob("*.yaml")))
COMMANDS = [
    line.partition("#")[0].strip()
    for block in re.findall(r"^```bash\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]


def test_it_names_every_alarm_and_no_other() -> None:
    alarms = set(re.findall(r"^  (\w+Alarm):$", TEMPLATES, re.MULTILINE))
    of_functions = {name for name in alarms if re.search(r"(Errors|Throttles)Alarm$", name)} - {
        "ApiErrorsAlarm"
    }
    named = set(readme.in_tables(TEXT, r"[\w<>]+Alarm"))
    assert named == (alarms - of_functions) | {"<Function>ErrorsAlarm", "<Function>ThrottlesAlarm"}


def test_its_parameters_are_those_of_the_templates() -> None:
    for name in ("AlarmEmail", "OrdersInFlight", "DatabaseMaxCapacity", "DatabaseBackupDays", "DashboardUrl"):
        assert name in TEXT and re.search(rf"^  {name}:$", TEMPLATES, re.MULTILINE), name


def test_its_links_lead_somewhere() -> None:
    assert str(GUIDE.relative_to(ROOT / "infra")) in (ROOT / "infra" / "README.md").read_text()
    for link in readme.links(GUIDE):
        path, _, anchor = link.partition("#")
        target = GUIDE.parent / path
        assert target.exists(), link
        assert not anchor or anchor in readme.anchors(target), link


@pytest.mark.parametrize("command", COMMANDS)
def test_its_commands_take_their_options(command: str) -> None:
    program, *arguments = shlex.split(command)
    options = [word.partition("=")[0] for word in arguments if word.startswith("--")]
    names = [word for word in arguments if re.fullmatch("[a-z]+", word) and word != "prod"]
    group, names = (local, names) if program == "./local/run" else (infra, [Path(program).name])
    done = CliRunner().invoke(group, [*names, "--help"])
    assert done.exit_code == 0, done.output
    assert all(option in done.output for option in options)
