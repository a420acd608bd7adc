"""A submit of which nothing is certain: the client is not invited to trade twice."""

from __future__ import annotations

from chalicelib.domain.errors import OutcomeUnknown, TemporarilyUnavailable
from chalicelib.ports.store import NewOrder

from tests.fakes import MemoryEngine
from tests.rest import submit


def test_an_unknown_outcome_names_the_order_and_does_not_ask_for_another_try() -> None:
    with MemoryEngine() as engine:

        async def lose(new: NewOrder) -> None:
            raise OutcomeUnknown(order_id=new.id)

        engine.store.create = lose  # type: ignore[assignment, method-assign]
        answer = submit()
        assert (answer.status, answer.body["code"]) == (503, "OUTCOME_UNKNOWN")
        assert len(answer.body["orderId"]) == 36
        assert "Retry-After" not in answer.headers


def test_what_is_known_not_to_be_stored_may_be_tried_again() -> None:
    with MemoryEngine() as engine:

        async def refuse(new: NewOrder) -> None:
            raise TemporarilyUnavailable

        engine.store.create = refuse  # type: ignore[assignment, method-assign]
        answer = submit()
        assert (answer.status, answer.body["code"]) == (503, "TEMPORARILY_UNAVAILABLE")
        assert "Retry-After" in answer.headers
