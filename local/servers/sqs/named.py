"""A queue with what the broker knows of it: its name, its settings, and who waits for its messages."""

from __future__ import annotations

from dataclasses import dataclass, field

from .attributes import Settings
from .polls import LongPolls
from .queue import Queue


@dataclass(eq=False)
class NamedQueue:
    """`created_s` and `modified_s` are seconds since 1970."""

    name: str
    arn: str
    settings: Settings
    created_s: int
    modified_s: int
    messages: Queue = field(init=False)
    tags: dict[str, str] = field(default_factory=dict)
    polls: LongPolls = field(default_factory=LongPolls)
    is_deleted: bool = False

    def __post_init__(self) -> None:
        self.messages = Queue(1000 * self.settings.retention_s)

    def set(self, settings: Settings, now_s: int) -> None:
        """Take other settings; they count for the messages that are in it already."""
        self.settings, self.modified_s = settings, now_s
        self.messages.retention_ms = 1000 * settings.retention_s
