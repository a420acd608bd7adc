"""What one sees of it: a line for each step with its duration, and what it is at while it lasts.

On a terminal the current step is a bar that moves; in a file or a pipe each thing that happens is a line.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

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

BAR = 24
WIDE = 200  # of output that goes to a file or a pipe, where nothing need be folded


class Amount(ProgressColumn):
    """A bar, where it is known how much there is to do."""

    def render(self, task: Task) -> Text:
        """The bar and the numbers."""
        if not task.total:
            return Text()
        filled = int(BAR * task.completed / task.total)
        return Text(f"{'━' * filled}{'┄' * (BAR - filled)} {task.percentage:3.0f} %", "green")


class Step:
    """A step that is being taken."""

    def __init__(self, title: str, console: Console, bar: Progress | None, task: TaskID) -> None:
        self.title = title
        self.result = ""  # said at its end
        self._console = console
        self._bar = bar
        self._task = task

    def say(self, line: str, style: str = "") -> None:
        """A line that stays."""
        self._console.print(f"    {line}", style=style, soft_wrap=True)

    def at(self, doing: str, done: int | None = None, total: int | None = None) -> None:
        """What it is doing, and how much of it is done: the bar's text."""
        if self._bar:
            self._bar.update(self._task, doing=doing, completed=done, total=total)

    def did(self, what: str, done: int, total: int) -> None:
        """What has just been done: the bar's text, or a line where there is no bar."""
        if self._bar:
            self.at(f"{done}/{total} {what}", done, total)
        else:
            self.say(f"{done}/{total} {what}")


class Screen:
    """The terminal, or a file."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or _console()

    def say(self, line: str = "") -> None:
        """A line."""
        self.console.print(line, soft_wrap=True)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Take a step: its end is said with how long it took."""
        began = time.monotonic()
        live = self.console.is_terminal
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description:10}"),
            Amount(),
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
                self._end("✗", step, began, "bold red")
                raise
        self._end("✓", step, began, "green")

    def _end(self, mark: str, step: Step, began: float, style: str) -> None:
        took = f"({time.monotonic() - began:.1f} s)"
        self.console.print(f"{mark} {step.title:10}", step.result, took, style=style, soft_wrap=True)


def _console() -> Console:
    console = Console(highlight=False, emoji=False, markup=False)
    if console.is_terminal:
        return console
    return Console(highlight=False, emoji=False, markup=False, width=WIDE, no_color=True)
