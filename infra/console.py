"""What both commands share at the terminal: options, questions, steps with their progress, interruptions.

On a terminal the current step is a progress bar; in a file or a pipe each event is a line.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.progress import (
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column
from rich.text import Text

from .stacks import Event, Stacks
from .stage import ARTIFACTS, PARTS, stack_name

BAR_WIDTH = 24
FILE_WIDTH = 200  # columns of output to a file or a pipe
CANCEL = "    aws cloudformation cancel-update-stack --stack-name {name}    cancels it"

Command = TypeVar("Command", bound=Callable[..., Any])


def aws_options(command: Command) -> Command:
    """Adds --endpoint-url, --region and --profile."""
    for option in (
        click.option("--profile", help="Profile of ~/.aws/config; otherwise AWS_PROFILE."),
        click.option("--region", help="AWS region; otherwise AWS_REGION, or the profile's."),
        click.option("--endpoint-url", metavar="URL", help="An emulator that stands in for AWS."),
    ):
        command = option(command)
    return command


def ask(question: str) -> str:
    """The line typed in answer to a question; empty at the end of the input."""
    click.echo(question, nl=False, err=True)
    answer = sys.stdin.readline().strip()
    if not answer:
        click.echo(err=True)
    return answer


class BarColumn(ProgressColumn):
    """A bar with a percentage, for steps whose total is known."""

    def render(self, task: Task) -> Text:
        """The bar and the percentage."""
        if not task.total:
            return Text()
        filled = int(BAR_WIDTH * task.completed / task.total)
        return Text(f"{'━' * filled}{'┄' * (BAR_WIDTH - filled)} {task.percentage:3.0f} %", "green")


class Step:
    """A step in progress."""

    def __init__(self, title: str, console: Console, bar: Progress | None, task: TaskID) -> None:
        self.title = title
        self.result = ""  # printed at its end
        self._console = console
        self._bar = bar
        self._task = task

    def print(self, line: str, style: str = "") -> None:
        """Print a line."""
        self._console.print(f"    {line}", style=style, soft_wrap=True)

    def update(self, activity: str, done: int | None = None, total: int | None = None) -> None:
        """Show the current activity and progress in the bar, if there is one."""
        if self._bar:
            self._bar.update(self._task, doing=activity, completed=done, total=total)

    def advance(self, activity: str, done: int, total: int) -> None:
        """Show progress in the bar, or as a line where there is no bar."""
        if self._bar:
            self.update(f"{done}/{total} {activity}", done, total)
        else:
            self.print(f"{done}/{total} {activity}")


class Screen:
    """The terminal, or a file."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or _console()

    def print(self, line: str = "") -> None:
        """Print a line."""
        self.console.print(line, soft_wrap=True)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show a step while the block runs, then its result and duration."""
        started = time.monotonic()
        live = self.console.is_terminal
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description:10}"),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[doing]}", table_column=Column(no_wrap=True, overflow="ellipsis")),
        )
        if not live:
            self.console.print(f"{title} …")
        with Progress(*columns, console=self.console, transient=True, disable=not live) as bar:
            step = Step(title, self.console, bar if live else None, bar.add_task(title, total=None, doing=""))
            try:
                yield step
            except BaseException:
                self._print_end("✗", step, started, "bold red")
                raise
        self._print_end("✓", step, started, "green")

    def _print_end(self, mark: str, step: Step, started: float, style: str) -> None:
        duration = f"({time.monotonic() - started:.1f} s)"
        self.console.print(f"{mark} {step.title:10}", step.result, duration, style=style, soft_wrap=True)


def _console() -> Console:
    console = Console(highlight=False, emoji=False, markup=False)
    if console.is_terminal:
        return console
    return Console(highlight=False, emoji=False, markup=False, width=FILE_WIDTH, no_color=True)


class ResourceProgress:
    """Counts a stack operation's finished resources, and prints the failed ones."""

    def __init__(self, logical_ids: Iterable[str], step: Step) -> None:
        self._unfinished = set(logical_ids)
        self._total = len(self._unfinished)
        self._step = step

    @property
    def done(self) -> int:
        """The number of finished resources."""
        return self._total - len(self._unfinished)

    def __call__(self, event: Event) -> None:
        """Take an event of the operation."""
        if event.is_failure and event.reason:
            self._step.print(f"{event.logical_id} {event.status}: {event.reason}", style="red")
        activity = f"{event.status} {event.logical_id} ({event.type})"
        if event.is_final and event.logical_id in self._unfinished:
            self._unfinished.remove(event.logical_id)
            self._step.advance(activity, self.done, self._total)
        else:
            self._step.update(activity)


@contextmanager
def report_nothing_sent(screen: Screen) -> Iterator[None]:
    """On Ctrl-C during the block, print that nothing was sent."""
    try:
        yield
    except KeyboardInterrupt:
        screen.print("\nStopped. Nothing was sent.")
        raise


@contextmanager
def report_running_operations(stacks: Stacks, stage: str, screen: Screen) -> Iterator[None]:
    """On Ctrl-C during the block, print the stack operations that CloudFormation continues."""
    try:
        yield
    except KeyboardInterrupt:
        screen.print("\nStopped.")
        for line in running_operations(stacks, stage):
            screen.print(line)
        raise


def running_operations(stacks: Stacks, stage: str) -> list[str]:
    """The stage's stacks with a running operation, and what to do about them, as lines."""
    found = [stacks.find(stack_name(stage, part)) for part in (ARTIFACTS, *PARTS)]
    running = [stack for stack in found if stack and stack.is_in_progress]
    if not running:
        return ["No stack operation is running; what was deployed stays. Run the same command to continue."]
    lines = ["CloudFormation continues these operations:"]
    for stack in running:
        lines.append(f"  {stack.name} is {stack.status}")
        if stack.status == "UPDATE_IN_PROGRESS":
            lines.append(CANCEL.format(name=stack.name))
    return [*lines, "Run the same command again when they have ended."]
