"""Named queues on an asyncio loop, kept in a journal: SQS without HTTP.

    send ──▶ queue ──▶ journal        `send` returns when the journal has the message
    receive ◀── queue                 a long poll is woken by the message, or by its becoming visible
       └── received too often: to the dead-letter queue instead

All methods run on one loop, and times are the machine's clock in ms since 1970.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

from ...ids import new_id
from . import records
from .errors import (
    InvalidParameterValue,
    MessageNotInflight,
    QueueDoesNotExist,
    QueueNameExists,
    ReceiptHandleIsInvalid,
    SqsError,
)
from .journal import Journal
from .message import Message, Outgoing, Stored, received
from .named import NamedQueue, Settings

ACCOUNT = "000000000000"
LONGEST_HIDDEN_S = 43_200


def clock_ms() -> int:
    """Now, in ms since 1970."""
    return time.time_ns() // 1_000_000


class Broker:
    """The queues of `journal`, as they were when its process ended. Raises JournalError.

    Methods raise QueueDoesNotExist for a name that is no queue's.
    """

    def __init__(
        self,
        journal: Journal | None = None,
        *,
        region: str = "us-east-1",
        clock: Callable[[], int] = clock_ms,
    ) -> None:
        self._journal = journal or Journal(None)
        self._region = region
        self._clock = clock
        self._queues: records.Queues = {}
        self._is_closed = False
        for record in self._journal.replay():
            records.apply(self._queues, record)
        self._journal.live_bytes = lambda: sum(queue.messages.bytes for queue in self._queues.values())
        self._journal.live_records = lambda: records.snapshot(self._queues, self._clock())

    # Queues

    @property
    def queues(self) -> Mapping[str, NamedQueue]:
        """All queues by name; to look at."""
        return self._queues

    def arn(self, name: str) -> str:
        """The ARN of a queue of that name."""
        return f"arn:aws:sqs:{self._region}:{ACCOUNT}:{name}"

    def queue(self, name: str) -> NamedQueue:
        """The queue, caught up with the clock; to look at."""
        queue = self._find(name)
        queue.messages.advance(self._clock())
        return queue

    def queue_of(self, arn: str) -> NamedQueue | None:
        """The queue with that ARN, or None. Only the name in it counts, for the region may be another now."""
        return self._queues.get(arn.rpartition(":")[2])

    def create(self, name: str, attributes: Mapping[str, str] | None = None) -> None:
        """Make the queue; one that exists with the same attributes is fine. Raises QueueNameExists."""
        if queue := self._queues.get(name):
            if queue.settings.changed(attributes or {}) != queue.settings:
                raise QueueNameExists(
                    f"A queue already exists with the same name and different attributes: {name}"
                )
            return
        settings = self._checked(Settings().changed(attributes or {}))
        now_ms = self._clock()
        queue = NamedQueue(name, self.arn(name), settings, now_ms // 1000, now_ms // 1000)
        self._queues[name] = queue
        self._journal.append(records.queue_set(queue, now_ms))

    def set_attributes(self, name: str, attributes: Mapping[str, str]) -> None:
        """Change some of the queue's attributes. Raises SqsError for a value that SQS refuses."""
        queue, now_ms = self._find(name), self._clock()
        queue.set(self._checked(queue.settings.changed(attributes)), now_ms // 1000)
        self._journal.append(records.queue_set(queue, now_ms))
        self._changed(queue)

    def set_tags(self, name: str, tags: Mapping[str, str]) -> None:
        """Let the queue have these tags."""
        queue = self._find(name)
        queue.tags = dict(tags)
        self._journal.append(records.queue_set(queue, self._clock()))

    def ensure(self, name: str, attributes: Mapping[str, str]) -> None:
        """Make the queue if it is missing, else set these attributes of it."""
        if name not in self._queues:
            self.create(name, attributes)
        elif self._queues[name].settings.changed(attributes) != self._queues[name].settings:
            self.set_attributes(name, attributes)

    def delete_queue(self, name: str) -> None:
        """Remove the queue and its messages; one that does not exist is fine."""
        if queue := self._queues.pop(name, None):
            queue.is_deleted = True
            self._journal.append(records.queue_deleted(name, self._clock()))
            queue.polls.wake_all()

    def purge(self, name: str) -> None:
        """Remove all messages of the queue, those in flight too."""
        self._find(name).messages.purge()
        self._journal.append(records.purged(name, self._clock()))

    # Messages

    async def send(self, name: str, bodies: Sequence[str | Outgoing]) -> list[str]:
        """Put messages into the queue; their ids, once they survive this process. Raises JournalFailed."""
        ids = self.put(name, bodies)
        await self._journal.written()
        return ids

    def put(self, name: str, bodies: Sequence[str | Outgoing]) -> list[str]:
        """`send` without the wait: a message is lost if the process dies in this iteration of the loop."""
        queue, now_ms = self._find(name), self._clock()
        due_ms = now_ms + 1000 * queue.settings.delay_s
        stored = [_stored(body, now_ms, due_ms) for body in bodies]
        for message in stored:
            queue.messages.put(message, now_ms)
        self._journal.append(records.sent(name, now_ms, stored))
        self._changed(queue)
        return [message.message_id for message in stored]

    async def receive(
        self, name: str, most: int = 1, wait_s: float | None = None, *, visibility_s: int | None = None
    ) -> list[Message]:
        """Up to `most` messages, hidden for `visibility_s`; none when none came within `wait_s`.

        None is the queue's own setting. May be cancelled, and then no message is hidden by it.
        """
        queue = self._find(name)
        loop = asyncio.get_running_loop()
        until = loop.time() + (queue.settings.wait_s if wait_s is None else wait_s)
        while True:
            if queue.is_deleted:
                raise QueueDoesNotExist
            if messages := self._take(queue, most, visibility_s):
                return messages
            rest_s = until - loop.time()
            if rest_s <= 0 or self._is_closed:
                return []
            waiting = queue.polls.wait(rest_s)
            loop.call_soon(self._changed, queue)  # once it waits, its timer is due with the next message
            await waiting

    def delete(self, name: str, receipts: Sequence[str]) -> list[SqsError | None]:
        """Delete what was received; for each None or why not. A receipt that is not the last deletes nothing.

        As on SQS, where a message that was received again belongs to its latest receiver.
        """
        queue, now_ms = self._find(name), self._clock()
        queue.messages.advance(now_ms)
        results: list[SqsError | None] = []
        gone: list[str] = []
        for receipt in receipts:
            try:
                if message := _current(queue, receipt):
                    queue.messages.remove(message.message_id)
                    gone.append(message.message_id)
                results.append(None)
            except SqsError as error:
                results.append(error)
        if gone:
            self._journal.append(records.deleted(name, now_ms, gone))
        return results

    def change_visibility(self, name: str, receipt: str, timeout_s: float) -> None:
        """Let a received message become visible `timeout_s` from now; 0 is at once. SQS takes whole seconds.

        Raises ReceiptHandleIsInvalid, MessageNotInflight, InvalidParameterValue (it is gone).
        """
        if not 0 <= timeout_s <= LONGEST_HIDDEN_S:
            raise InvalidParameterValue(
                f"Value {timeout_s} for parameter VisibilityTimeout is invalid. "
                f"Reason: Must be between 0 and {LONGEST_HIDDEN_S}, if provided."
            )
        queue, now_ms = self._find(name), self._clock()
        queue.messages.advance(now_ms)
        message = _current(queue, receipt)
        if message is None:
            raise InvalidParameterValue(
                f"Value {receipt} for parameter ReceiptHandle is invalid. "
                "Reason: Message does not exist or is not available for visibility timeout change."
            )
        if not queue.messages.is_in_flight(message):
            raise MessageNotInflight
        queue.messages.hide_until(message, now_ms, now_ms + int(1000 * timeout_s))
        self._journal.append(records.shown(name, now_ms, message.message_id, message.visible_at_ms))
        self._changed(queue)

    def move(self, source: NamedQueue, most: int, target: NamedQueue | None) -> int | None:
        """Move up to `most` visible messages as new ones, to `target` or where they came from.

        How many that were; None when one of them came from no queue that is still there.
        """
        now_ms = self._clock()
        source.messages.advance(now_ms)
        count = 0
        for message in source.messages.first(most):
            queue = target or self.queue_of(message.source_arn)
            if queue is None:
                return None
            fresh = Stored(
                new_id(),
                message.body,
                now_ms,
                now_ms,
                message.attributes,
                message.trace_header,
                group=message.group,
            )
            source.messages.remove(message.message_id)
            queue.messages.put(fresh, now_ms)
            record = records.moved(source.name, now_ms, [message.message_id], queue.name, [fresh])
            self._journal.append(record)
            self._changed(queue)
            count += 1
        return count

    # Its end

    async def written(self) -> None:
        """Wait until all that was done so far survives this process. Raises JournalFailed."""
        await self._journal.written()

    def end_polls(self) -> None:
        """Let those who wait for messages have none, now and from now on."""
        self._is_closed = True
        for queue in self._queues.values():
            queue.polls.wake_all()

    def close(self) -> None:
        """End the long polls and leave a journal with the live state alone."""
        self.end_polls()
        self._journal.close()

    # Inside

    def _find(self, name: str) -> NamedQueue:
        try:
            return self._queues[name]
        except KeyError:
            raise QueueDoesNotExist from None

    def _checked(self, settings: Settings) -> Settings:
        if settings.redrive and self.queue_of(settings.redrive.target_arn) is None:
            raise InvalidParameterValue(
                f"Value {settings.redrive.render()} for parameter RedrivePolicy is invalid. "
                "Reason: Dead letter target does not exist."
            )
        return settings

    def _take(self, queue: NamedQueue, most: int, visibility_s: int | None) -> list[Message]:
        now_ms, settings = self._clock(), queue.settings
        visible_at_ms = now_ms + 1000 * (settings.visibility_s if visibility_s is None else visibility_s)
        target = self.queue_of(settings.redrive.target_arn) if settings.redrive else None
        # with no queue to go to, a message stays and is received again, as on SQS
        max_receives = settings.redrive.max_receives if settings.redrive and target else None
        taken, dead = queue.messages.take(most, now_ms, visible_at_ms, max_receives)
        if dead and target:
            self._move_dead(queue, dead, target, now_ms)
        if not taken:
            return []
        self._journal.append(records.received(queue.name, now_ms, visible_at_ms, taken))
        self._changed(queue)
        return [received(message) for message in taken]

    def _move_dead(self, queue: NamedQueue, dead: list[Stored], target: NamedQueue, now_ms: int) -> None:
        moved = [records.as_dead_letter(message, queue.arn, now_ms) for message in dead]
        for message in moved:
            target.messages.put(message, now_ms)
        ids = [message.message_id for message in moved]
        self._journal.append(records.moved(queue.name, now_ms, ids, target.name, moved))
        self._changed(target)

    def _changed(self, queue: NamedQueue) -> None:
        """Let those who wait for messages know what they wait for."""
        if not queue.polls:
            return
        if queue.messages.visible:
            queue.polls.wake()
        else:
            due_ms = queue.messages.next_visible_ms()
            queue.polls.wake_in(None if due_ms is None else max(0, due_ms - self._clock()) / 1000)


def _stored(body: str | Outgoing, now_ms: int, due_ms: int) -> Stored:
    message_id = new_id()
    if isinstance(body, str):
        return Stored(message_id, body, now_ms, due_ms)
    if body.delay_s is not None:
        due_ms = now_ms + 1000 * body.delay_s
    return Stored(message_id, body.body, now_ms, due_ms, body.attributes, body.trace_header, group=body.group)


def _current(queue: NamedQueue, receipt: str) -> Stored | None:
    """The message of a receipt, if it is here and was not received since. Raises ReceiptHandleIsInvalid."""
    message_id, _, count = receipt.partition(":")
    if len(message_id) != 36 or not count.isascii() or not count.isdigit():
        raise ReceiptHandleIsInvalid(
            f'The input receipt handle "{receipt[:200]}" is not a valid receipt handle.'
        )
    message = queue.messages.get(message_id)
    return message if message and message.receive_count == int(count) else None
