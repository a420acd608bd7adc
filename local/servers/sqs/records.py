"""What the journal's records say: made when something happens, applied when they are read again.

Each is `[kind, time (ms), queue, …]`. Applying them in order, with their times, gives the queues as they
were: what depends on time alone (a message becomes visible, or too old) happens again by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from .journal import Record
from .message import NONE, Stored
from .named import NamedQueue, Settings

Queues = dict[str, NamedQueue]


def queue_set(queue: NamedQueue, now_ms: int) -> Record:
    """The queue was made, or has other settings or tags."""
    times = [queue.created_s, queue.modified_s]
    return ["queue", now_ms, queue.name, queue.arn, queue.settings.render(), dict(queue.tags), *times]


def queue_deleted(name: str, now_ms: int) -> Record:
    """The queue is gone, with its messages."""
    return ["gone", now_ms, name]


def purged(name: str, now_ms: int) -> Record:
    """Its messages are gone."""
    return ["purge", now_ms, name]


def sent(name: str, now_ms: int, messages: Iterable[Stored]) -> Record:
    """The queue has these messages now."""
    return ["send", now_ms, name, [_row(message) for message in messages]]


def received(name: str, now_ms: int, visible_at_ms: int, messages: Iterable[Stored]) -> Record:
    """They were received, and are hidden until then."""
    return ["receive", now_ms, name, visible_at_ms, [message.message_id for message in messages]]


def shown(name: str, now_ms: int, message_id: str, visible_at_ms: int) -> Record:
    """When a received message becomes visible was changed."""
    return ["show", now_ms, name, message_id, visible_at_ms]


def deleted(name: str, now_ms: int, message_ids: list[str]) -> Record:
    """They are done with."""
    return ["delete", now_ms, name, message_ids]


def moved(name: str, now_ms: int, ids: list[str], target: str, messages: Iterable[Stored]) -> Record:
    """`ids` left the queue, and `messages` are in `target` instead: one line, so never half of it."""
    return ["move", now_ms, name, ids, target, [_row(message) for message in messages]]


def snapshot(queues: Queues, now_ms: int) -> Iterator[Record]:
    """All that is there, as records."""
    for queue in queues.values():
        yield queue_set(queue, now_ms)
        queue.messages.advance(now_ms)
        for message in queue.messages:
            yield sent(queue.name, now_ms, [message])


def apply(queues: Queues, record: Record) -> None:
    """Let what the record says happen to `queues`. What names a message that is gone changes nothing."""
    kind, now_ms, name, *rest = record
    if kind == "queue":
        _set(queues, name, *rest)
        return
    if (queue := queues.get(name)) is None:
        return
    messages = queue.messages
    match kind:
        case "send":
            for row in rest[0]:
                messages.put(_stored(row), now_ms)
        case "receive":
            for message_id in rest[1]:
                messages.receive(message_id, now_ms, rest[0])
        case "delete":
            for message_id in rest[0]:
                messages.remove(message_id)
        case "show":
            messages.advance(now_ms)
            if message := messages.get(rest[0]):
                messages.hide_until(message, now_ms, rest[1])
        case "move":
            for message_id in rest[0]:
                messages.remove(message_id)
            for row in rest[2]:
                queues[rest[1]].messages.put(_stored(row), now_ms)
        case "purge":
            messages.purge()
        case "gone":
            del queues[name]


def as_dead_letter(message: Stored, source_arn: str, now_ms: int) -> Stored:
    """The message in its dead-letter queue: its id, the time it was sent and its receive count stay."""
    count = message.receive_count
    return replace(message, visible_at_ms=now_ms, source_arn=source_arn, arrived_with=count, ticket=0)


def _set(queues: Queues, name: str, arn: str, attributes: dict[str, str], *rest: Any) -> None:
    tags, created_s, modified_s = rest
    settings = Settings().changed(attributes)
    if name in queues:
        queues[name].set(settings, modified_s)
    else:
        queues[name] = NamedQueue(name, arn, settings, created_s, modified_s)
    queues[name].tags = tags


def _row(message: Stored) -> list[Any]:
    row = [message.message_id, message.body, message.sent_ms, message.visible_at_ms]
    extra = message.attributes or message.receive_count or message.trace_header or message.source_arn
    if not extra and not message.group:
        return row
    return [
        *row,
        dict(message.attributes),
        message.trace_header,
        message.receive_count,
        message.first_received_ms,
        message.source_arn,
        message.arrived_with,
        message.group,
    ]


def _stored(row: list[Any]) -> Stored:
    message = Stored(*row)
    if not message.attributes:
        message.attributes = NONE
    return message
