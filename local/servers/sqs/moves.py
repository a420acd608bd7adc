"""Message move tasks: a dead-letter queue's messages go back to where they came from, or to another queue.

running ──▶ completed, failed, or cancelling ──▶ cancelled. A task ends with its process; what it has moved
stays moved.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
import uuid
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from .broker import Broker
from .errors import InvalidParameterValue, ResourceNotFound, UnsupportedOperation
from .named import NamedQueue

BATCH = 10  # messages moved before others have their turn on the loop
REMEMBERED = 10  # tasks that are listed, as on SQS


@dataclass(eq=False)
class MoveTask:
    """One task; `per_second` None is as fast as it goes."""

    source: NamedQueue
    target: NamedQueue | None
    per_second: int | None
    to_move: int
    started_ms: int = field(default_factory=lambda: time.time_ns() // 1_000_000)
    task_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "RUNNING"
    moved: int = 0
    failure: str = ""
    running: asyncio.Task[None] | None = None

    @property
    def handle(self) -> str:
        """By which it is cancelled."""
        given = json.dumps({"taskId": self.task_id, "sourceArn": self.source.arn})
        return base64.b64encode(given.encode()).decode()

    def describe(self) -> dict[str, Any]:
        """Its entry in ListMessageMoveTasks."""
        entry: dict[str, Any] = {
            "Status": self.status,
            "SourceArn": self.source.arn,
            "ApproximateNumberOfMessagesMoved": self.moved,
            "ApproximateNumberOfMessagesToMove": self.to_move,
            "StartedTimestamp": self.started_ms,
        }
        optional = {
            "TaskHandle": self.handle if self.status == "RUNNING" else None,
            "DestinationArn": self.target.arn if self.target else None,
            "MaxNumberOfMessagesPerSecond": self.per_second,
            "FailureReason": self.failure or None,
        }
        return entry | {name: given for name, given in optional.items() if given is not None}


class MoveTasks:
    """The tasks of a broker, on its loop."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._tasks: dict[str, deque[MoveTask]] = {}

    def start(self, source_arn: str, target_arn: str = "", per_second: int | None = None) -> str:
        """Begin; the task's handle. Raises ResourceNotFound, InvalidParameterValue, UnsupportedOperation."""
        source = self._source(source_arn)
        if not any(
            queue.settings.redrive and self._broker.queue_of(queue.settings.redrive.target_arn) is source
            for queue in self._broker.queues.values()
        ):
            raise InvalidParameterValue("Source queue must be configured as a Dead Letter Queue.")
        target = self._broker.queue_of(target_arn) if target_arn else None
        if target_arn and target is None:
            raise ResourceNotFound(
                "The resource that you specified for the DestinationArn parameter doesn't exist."
            )
        if target is source:
            raise InvalidParameterValue("Source queue arn and destination queue arn cannot be the same.")
        tasks = self._tasks.setdefault(source.name, deque(maxlen=REMEMBERED))
        if any(task.running and not task.running.done() for task in tasks):
            raise UnsupportedOperation(
                "There is already a task running. "
                "Only one active task is allowed for a source queue arn at a given time."
            )
        task = MoveTask(source, target, per_second, self._broker.queue(source.name).messages.visible)
        tasks.appendleft(task)
        task.running = asyncio.create_task(self._run(task))
        return task.handle

    def newest(self, source_arn: str, most: int) -> list[MoveTask]:
        """The newest `most` tasks of a queue. Raises ResourceNotFound."""
        return list(self._tasks.get(self._source(source_arn).name, ()))[:most]

    def cancel(self, handle: str) -> int:
        """Move no more; how many it moved. Raises ResourceNotFound, UnsupportedOperation."""
        for task in (task for tasks in self._tasks.values() for task in tasks):
            if task.handle == handle:
                if task.status != "RUNNING":
                    raise UnsupportedOperation("Only active tasks can be cancelled.")
                task.status = "CANCELLING"
                return task.moved
        raise ResourceNotFound("The specified task does not exist.")

    async def stop(self) -> None:
        """End all tasks."""
        running = [task.running for tasks in self._tasks.values() for task in tasks if task.running]
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _source(self, arn: str) -> NamedQueue:
        if queue := self._broker.queue_of(arn):
            return queue
        raise ResourceNotFound

    async def _run(self, task: MoveTask) -> None:
        batch = min(BATCH, task.per_second or BATCH)
        pause_s = batch / task.per_second if task.per_second else 0
        while task.status == "RUNNING" and task.moved < task.to_move:
            if task.source.is_deleted or (task.target and task.target.is_deleted):
                task.status, task.failure = "FAILED", "AWS.SimpleQueueService.NonExistentQueue"
                return
            count = self._broker.move(task.source, min(batch, task.to_move - task.moved), task.target)
            if count is None:
                task.status, task.failure = "FAILED", "CouldNotDetermineMessageSource"
                return
            if not count:
                break
            task.moved += count
            await asyncio.sleep(pause_s)
        task.status = "COMPLETED" if task.status == "RUNNING" else "CANCELLED"
