"""Lives while they are lived: redrawn in place on a terminal, a line an event anywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live

from .life import Life
from .view import event_line, lives_table

FRAMES_PER_S = 12


@contextmanager
def draw_lives(lives: Sequence[Life], console: Console) -> Iterator[Callable[[Life], None]]:
    """Draw while the block runs; call what it gives with a life that has taken an event."""
    if not console.is_terminal:
        yield lambda life: console.print(event_line(life.events[-1], life, name=life.order_id[:8]))
        return
    with Live(
        console=console, get_renderable=lambda: lives_table(lives), refresh_per_second=FRAMES_PER_S
    ) as live:
        yield lambda life: live.refresh()
