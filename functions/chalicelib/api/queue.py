"""SQS in, partial batch response out: one message, one attempt at an order."""

from __future__ import annotations

import json
import logging

from chalice.app import SQSEvent, SQSRecord

from .. import runtime
from ..domain.errors import EngineError, IllegalTransition, InvalidRequest, TemporarilyUnavailable
from ..domain.request import parse_order_id
from ..services.execution import Outcome

log = logging.getLogger(__name__)

UNAVAILABLE_RETRY_MS = 5000


def process_orders(event: SQSEvent) -> dict[str, object]:
    """Work on each message; those that are not done with stay in the queue, due again when they should be."""
    failures = [record for record in event if not _process(record)]
    return {"batchItemFailures": [{"itemIdentifier": record.to_dict()["messageId"]} for record in failures]}


def _process(record: SQSRecord) -> bool:
    engine = runtime.current()
    outcome = _attempt(record.body)
    log.info("message %s: %s", record.to_dict()["messageId"], outcome)
    if not outcome.done:
        try:
            runtime.run(engine.queue.retry_in(record.receipt_handle, outcome.retry_in_ms))
        except TemporarilyUnavailable as error:
            log.warning("the message comes back when its visibility time-out is over: %s", error)
    return outcome.done


def _attempt(body: str) -> Outcome:
    try:
        order_id = parse_order_id(json.loads(body)["orderId"])
    except (ValueError, TypeError, KeyError, RecursionError, InvalidRequest):
        log.error("a message that names no order: %.200r", body)
        return Outcome(done=False)
    try:
        return runtime.run(runtime.current().execution.process(order_id))
    except IllegalTransition:
        log.exception("illegal transition order=%s", order_id)
        return Outcome(done=False, retry_in_ms=UNAVAILABLE_RETRY_MS)
    except EngineError as error:
        log.warning("order %s is left for later: %s", order_id, error)
        return Outcome(done=False, retry_in_ms=UNAVAILABLE_RETRY_MS)
