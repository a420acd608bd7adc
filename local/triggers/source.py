"""Where an event source mapping takes its messages from: a queue in this process, or one over HTTP."""

from __future__ import annotations

from typing import Any, Protocol

Message = dict[str, Any]
"""A message as boto3's receive_message gives it."""


class Source(Protocol):
    """A queue's messages, each hidden from other receivers while it is worked on."""

    @property
    def arn(self) -> str:
        """The queue's ARN."""

    def start(self) -> None:
        """Begin to receive, on the running loop."""

    async def take(self) -> Message | None:
        """The next message, None when stopped. May be cancelled, and then no message is lost by it."""

    def delete(self, message: Message) -> None:
        """Delete a message that is done with, in the background. If that fails, it comes again."""

    async def stop(self) -> None:
        """Receive no more, and make visible again what was received and not taken."""

    async def close(self) -> None:
        """Finish the deletes that are under way."""
