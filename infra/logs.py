"""`logs`: lines of a stage's log groups, in one order of time, by CloudWatch Logs' own filter.

The groups are those of the engine's stack: one of each function, and that of the access logs, where those
are on.
"""

from __future__ import annotations

import heapq
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click

from local.client.commands.options import PAST, moment
from local.terminal import LEVELS

from .aws import connect
from .console import aws_options
from .errors import Refused
from .stacks import Stacks
from .stage import check_name, stack_name, stage_names

FIRST = "1h"
LOOK_S = 2.0
LATE_MS = 30_000  # CloudWatch may show a line so much later than its time
GROUPS = ("/aws/lambda/", "/aws/apigateway/")


@dataclass(frozen=True)
class Line:
    """A line of a group; `source` is the function, or `access`. `entry` is None where it is no JSON."""

    at_ms: int
    id: str
    source: str
    text: str
    entry: dict[str, Any] | None

    @property
    def level(self) -> str:
        """Its level; what has none counts as INFO."""
        level = str((self.entry or {}).get("level", "INFO")).upper()
        return "WARNING" if level == "WARN" else level

    @property
    def is_ours(self) -> bool:
        """Whether the engine or API Gateway has logged it: no metric, and no report of Lambda's own."""
        entry = self.entry or {}
        return "_aws" not in entry and not str(entry.get("type", "")).startswith("platform.")


@click.command()
@click.argument("stage")
@click.argument("wanted", metavar="[ORDER]", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on with what is logged from now on; Ctrl-C ends it.")
@click.option(
    "--level",
    type=click.Choice(LEVELS, case_sensitive=False),
    default="INFO",
    show_default=True,
    help="Only this level and those above.",
)
@click.option(
    "--since",
    type=PAST,
    default=FIRST,
    show_default=True,
    metavar="WHEN",
    help="Only since then: 10m, 2h, 3d, or a time of RFC 3339.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the lines as they are, for scripts.")
@aws_options
def logs(
    stage: str,
    wanted: str | None,
    follow: bool,
    level: str,
    since: str,
    as_json: bool,
    endpoint_url: str | None,
    region: str | None,
    profile: str | None,
) -> None:
    """Show what the functions and APIs of STAGE have logged: a line for each request and transition.

    With ORDER, only lines in which it stands: an order's id, or what else is searched for, such as the
    x-amzn-requestid that a client got, a connection or an account. CloudWatch takes its time: a line may be
    there some seconds late. It needs the permissions cloudformation:ListStackResources and
    logs:FilterLogEvents.

    \b
    Example: ./infra/logs dev --follow
             ./infra/logs prod 7f0c2f8e-6f1e-4a53-9d1b-0c5f0f6c2a11 --since 2d
             ./infra/logs prod --level WARNING --json
    """
    check_name(stage)
    aws = connect(region, profile, endpoint_url)
    stacks = Stacks(aws)
    name = stack_name(stage, "engine")
    if stacks.find(name) is None:
        raise Refused(f"There is no stack {name} here. The stages: {stage_names()}.")
    groups = [each for each in stacks.resources(name).values() if each.startswith(GROUPS)]
    reading = Reading(aws.logs, name, groups, _pattern(wanted), set(LEVELS[LEVELS.index(level.upper()) :]))
    since_ms = int(moment(since).timestamp() * 1000)
    for line in reading.follow(since_ms) if follow else reading.once(since_ms):
        click.echo(line.text.rstrip() if as_json else text_of(line))


class Reading:
    """Reads the lines of `groups` that match `pattern` and have one of `levels`."""

    def __init__(
        self, client: Any, stack: str, groups: Sequence[str], pattern: str, levels: set[str]
    ) -> None:
        self._client = client
        self._stack = stack
        self._groups = groups
        self._pattern = pattern
        self._levels = levels

    def once(self, since_ms: int) -> Iterator[Line]:
        """The lines since then, the oldest first."""
        with ThreadPoolExecutor(len(self._groups) or 1) as pool:
            found = [*pool.map(lambda group: [*self._of(group, since_ms)], self._groups)]
        return heapq.merge(*found, key=lambda line: line.at_ms)

    def follow(self, since_ms: int) -> Iterator[Line]:
        """The lines since then, and from now on; one that CloudWatch shows late comes late."""
        shown: dict[str, int] = {}
        while True:
            for line in self.once(since_ms):
                if line.id not in shown:
                    shown[line.id] = line.at_ms
                    yield line
            since_ms = max(since_ms, max(shown.values(), default=0) - LATE_MS)
            shown = {each: at_ms for each, at_ms in shown.items() if at_ms >= since_ms}
            time.sleep(LOOK_S)

    def _of(self, group: str, since_ms: int) -> Iterable[Line]:
        pages = self._client.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=since_ms, filterPattern=self._pattern
        )
        source = group.rpartition("/")[2].removeprefix(self._stack).lstrip("-") or "access"
        for page in pages:
            for event in page["events"]:
                text = event["message"]
                line = Line(event["timestamp"], event["eventId"], source, text, _parsed(text))
                if line.is_ours and line.level in self._levels | {"CRITICAL"}:
                    yield line


def text_of(line: Line) -> str:
    """A line as a terminal shows it."""
    at = datetime.fromtimestamp(line.at_ms / 1000).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    entry = line.entry
    if entry is None:
        said = line.text.rstrip()
    elif "message" in entry:
        said = str(entry["message"])
    else:
        said = " ".join(f"{key}={value}" for key, value in entry.items() if key != "at")
    traceback = "".join(f"\n{each}" for each in (entry or {}).get("stackTrace", ()))
    return f"{at} {line.level:7} {line.source:11} {said}{traceback}"


def _pattern(wanted: str | None) -> str:
    """CloudWatch's filter for lines in which this stands, as it is."""
    if wanted is None:
        return ""
    return '"' + wanted.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
