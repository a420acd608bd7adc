"""A named queue of the broker: its settings (SQS's attributes) and the long polls that wait for it."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from .errors import InvalidAttributeName, InvalidAttributeValue, InvalidParameterValue, UnsupportedOperation
from .queue import Queue

NUMBERS = {  # attribute → (field, least, most); seconds and bytes
    "VisibilityTimeout": ("visibility_s", 0, 43_200),
    "DelaySeconds": ("delay_s", 0, 900),
    "ReceiveMessageWaitTimeSeconds": ("wait_s", 0, 20),
    "MessageRetentionPeriod": ("retention_s", 60, 1_209_600),
    "MaximumMessageSize": ("max_bytes", 1_024, 1_048_576),
}
KEPT_ONLY = ("Policy", "RedriveAllowPolicy", "SqsManagedSseEnabled", "KmsMasterKeyId")  # stored, not acted on
MOST_RECEIVES = 1_000


@dataclass(frozen=True)
class Redrive:
    """Where a message goes that was received too often."""

    target_arn: str
    max_receives: int

    def render(self) -> str:
        """The attribute RedrivePolicy."""
        policy = {"deadLetterTargetArn": self.target_arn, "maxReceiveCount": self.max_receives}
        return json.dumps(policy, separators=(",", ":"))


@dataclass(frozen=True)
class Settings:
    """SQS's defaults; `max_bytes` is of body and attributes together."""

    visibility_s: int = 30
    delay_s: int = 0
    wait_s: int = 0
    retention_s: int = 4 * 24 * 3600
    max_bytes: int = 1_048_576
    redrive: Redrive | None = None
    others: Mapping[str, str] = field(default_factory=dict)

    def changed(self, attributes: Mapping[str, str]) -> Settings:
        """These settings with `attributes` instead. Raises SqsError for what SQS refuses."""
        settings = self
        for name, text in attributes.items():
            settings = settings._with(name, text)
        return settings

    def render(self) -> dict[str, str]:
        """The attributes that bring these settings about."""
        numbers = {name: str(getattr(self, chosen)) for name, (chosen, _, _) in NUMBERS.items()}
        policy = {"RedrivePolicy": self.redrive.render()} if self.redrive else {}
        return numbers | policy | dict(self.others)

    def _with(self, name: str, text: str) -> Settings:
        if name in NUMBERS:
            chosen, least, most = NUMBERS[name]
            if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
                raise InvalidAttributeValue(f"Invalid value for the parameter {name}.")
            return replace(self, **{chosen: int(text)})  # type: ignore[arg-type]
        if name == "RedrivePolicy":
            return replace(self, redrive=_redrive(text) if text else None)
        if name in KEPT_ONLY:
            others = {key: value for key, value in self.others.items() if key != name}
            return replace(self, others=others | ({name: text} if text else {}))
        if name.startswith(("Fifo", "ContentBased", "Deduplication")):
            raise UnsupportedOperation("FIFO queues are not supported here.")
        raise InvalidAttributeName(f"Unknown Attribute {name}.")


class LongPolls:
    """The receivers that wait for a message, first come first served.

    Being woken is a hint: a receiver looks for messages then, and passes the hint on when some are left.
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[asyncio.Future[None], None] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    async def wait(self, timeout_s: float) -> None:
        """Return when woken, or after `timeout_s`."""
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()
        self._waiting[woken] = None
        timer = loop.call_later(timeout_s, _finish, woken)
        try:
            await woken
        except asyncio.CancelledError:
            if woken.done() and not woken.cancelled():
                self.wake()  # the message that woke us is for the next
            raise
        finally:
            timer.cancel()
            self._waiting.pop(woken, None)
            if not self._waiting and self._timer:
                self._timer.cancel()

    def wake(self) -> None:
        """Wake the one who waits longest."""
        if self._waiting:
            _finish(self._waiting.popitem(last=False)[0])

    def wake_all(self) -> None:
        """Wake all, for the queue is gone or closed."""
        while self._waiting:
            self.wake()

    def wake_in(self, delay_s: float | None) -> None:
        """Wake one after `delay_s`, instead of whenever that was to be; None is not at all."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if delay_s is not None and self._waiting:
            self._timer = asyncio.get_running_loop().call_later(delay_s, self.wake)


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


def _finish(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)


def _redrive(text: str) -> Redrive:
    try:
        policy = json.loads(text)
        redrive = Redrive(str(policy["deadLetterTargetArn"]), int(policy["maxReceiveCount"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        raise InvalidParameterValue(
            f"Value {text} for parameter RedrivePolicy is invalid. "
            "Reason: Redrive policy is not a valid JSON map."
        ) from None
    if not 1 <= redrive.max_receives <= MOST_RECEIVES:
        raise InvalidParameterValue(
            f"Value {text} for parameter RedrivePolicy is invalid. "
            f"Reason: Invalid value for maxReceiveCount: {redrive.max_receives}, "
            f"valid values are from 1 to {MOST_RECEIVES} both inclusive."
        )
    return redrive
