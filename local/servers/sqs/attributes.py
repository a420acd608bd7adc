"""A queue's settings: checked when they are set, and rendered as SQS's attributes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from .errors import InvalidAttributeName, InvalidAttributeValue, InvalidParameterValue, UnsupportedOperation

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
