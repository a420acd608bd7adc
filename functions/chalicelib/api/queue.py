"""An SQS batch in, a partial batch response out: each message is one attempt at an order."""

from __future__ import annotations

import logging
import time

from chalice.app import SQSEvent, SQSRecord

from .. import runtime
from ..domain.errors import EngineError, IllegalTransition, TemporarilyUnavailable
from ..ports import tracing
from ..ports.metrics import QUEUE_AGE
from ..services.execution import Outcome
from .wire.queue import parse_queue_message

log = logging.getLogger(__name__)

UNAVAILABLE_RETRY_MS = 5000


def process_orders(event: SQSEvent) -> dict[str, object]:
    """Process each message; one that is not done stays in the queue, visible again when its order is due."""
    failures = [record for record in event if not _process(record)]
    return {"batchItemFailures": [{"itemIdentifier": record.to_dict()["messageId"]} for record in failures]}


def _process(record: SQSRecord) -> bool:
    if not tracing.is_on():
        return _work(record)
    parent = _traceparent(record)
    attributes = record.to_dict().get("attributes", {})
    if attributes.get("ApproximateReceiveCount") == "1":
        with tracing.span("queue wait", parent, began_ms=float(attributes["SentTimestamp"])):
            pass
    with tracing.span("process", parent, entry=True, order=parse_queue_message(record.body)):
        return _work(record)


def _traceparent(record: SQSRecord) -> str:
    """The context of who has queued the order; empty if it has none."""
    attribute = record.to_dict().get("messageAttributes", {}).get("traceparent", {})
    return str(attribute.get("stringValue", ""))


def _work(record: SQSRecord) -> bool:
    engine = runtime.current()
    engine.metrics.record(QUEUE_AGE, _age_ms(record))
    outcome = _attempt(record.body)
    log.debug(  # what came of it is in the transitions
        "message processed message_id=%s done=%s retry_in_ms=%d",
        record.to_dict()["messageId"],
        outcome.done,
        outcome.retry_in_ms,
    )
    if not outcome.done:
        try:
            runtime.run(engine.queue.retry_in(record.receipt_handle, outcome.retry_in_ms))
        except TemporarilyUnavailable as error:
            # The message comes back when its visibility timeout ends.
            log.warning("retry not scheduled message_id=%s error=%s", record.to_dict()["messageId"], error)
    return outcome.done


def _age_ms(record: SQSRecord) -> float:
    """How long ago the message was sent: of one that is delivered again, for the first time."""
    sent_ms = record.to_dict().get("attributes", {}).get("SentTimestamp")
    return max(0.0, time.time() * 1000 - float(sent_ms)) if sent_ms else 0.0


def _attempt(body: str) -> Outcome:
    order_id = parse_queue_message(body)
    if order_id is None:
        log.error("message without order body=%.200r", body)
        return Outcome(done=False)
    try:
        return runtime.run(runtime.current().execution.process(order_id))
    except IllegalTransition:
        log.exception("illegal transition order=%s", order_id)
        return Outcome(done=False, retry_in_ms=UNAVAILABLE_RETRY_MS)
    except EngineError as error:
        log.warning("attempt postponed order=%s error=%s", order_id, error)
        return Outcome(done=False, retry_in_ms=UNAVAILABLE_RETRY_MS)
