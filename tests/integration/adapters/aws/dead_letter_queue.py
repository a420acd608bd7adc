"""An engine whose orders fail, and messages in its dead-letter queue."""

from __future__ import annotations

from typing import Any

from chalicelib.ports.queue import DeadLetter

# Orders that sell COPE fail until they are redriven, orders that sell FIDA always.
FAULTS = "quote-timeout token=COPE times=3; quote-timeout token=FIDA"
SETTINGS = {"SIM_FAULTS": FAULTS, "SIM_LATENCY": "0", "SIM_SLOT_MS": "20", "RETRY_BASE_MS": "0"}
SQS_BATCH = 10


def put_on_sqs(sqs: Any, url: str, bodies: list[str]) -> None:
    for start in range(0, len(bodies), SQS_BATCH):
        batch = bodies[start : start + SQS_BATCH]
        entries = [{"Id": str(index), "MessageBody": body} for index, body in enumerate(batch)]
        assert not sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")


def bodies_of(dead_letters: list[DeadLetter]) -> list[str]:
    return sorted(dead_letter.body for dead_letter in dead_letters)
