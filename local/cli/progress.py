"""A bar for what takes a while: drawn beside the output, on a terminal, where there is much to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

MANY = 100


@contextmanager
def progress(title: str, total: int, *, quiet: bool = False) -> Iterator[Callable[[int], None]]:
    """Call what it gives with how many of `total` are done; they may turn out to be more."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    is_shown = console.is_terminal and total >= MANY and not quiet
    with Progress(*columns, console=console, transient=True, disable=not is_shown) as bar:
        task = bar.add_task(title, total=total)
        yield lambda done: bar.update(task, completed=done, total=max(done, total))
