"""Brokers with the engine's queues, and a clock that is set."""

from __future__ import annotations

from local.servers.queues import QueueSettings, declare_queues
from local.servers.sqs.broker import Broker
from local.servers.sqs.message import Message


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.ms = 1_800_000_000_000

    def __call__(self) -> int:
        return self.ms


def engines(broker: Broker) -> Broker:
    declare_queues(broker, QueueSettings(visibility_timeout=90, max_receive_count=2))
    return broker


def bodies(messages: list[Message]) -> list[str]:
    return [message.body for message in messages]
