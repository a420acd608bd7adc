"""Cancelling, batches and lists: what is sent, what is sent again, and what is made of the answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from local.client import AsyncEngineClient, OutcomeUnknown, Refused, Unreachable, http
from local.client import async_client as module

TERMS = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1"}
ID = "7f0c2f8e-6f1e-4a53-9d1b-0c5f0f6c2a11"

Answer = tuple[int, object] | Exception
CUT = http.NoAnswer("cut", sent=True)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.001)


class Engine:
    """Gives the answers of `script` in their order, and keeps the requests."""

    def __init__(self, *script: Answer) -> None:
        self.script = list(script)
        self.lines: list[str] = []
        self.bodies: list[Any] = []

    async def request(
        self, method: str, path: str, *, params: dict[str, str] | None = None, json_body: object = None
    ) -> http.Answer:
        self.lines.append(f"{method} {path}{'?' if params else ''}{urlencode(params or {})}")
        self.bodies.append(json_body)
        answer = self.script.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return http.Answer(answer[0], json.dumps(answer[1]).encode())

    async def close(self) -> None:
        pass

    async def ask(self, work: Callable[[AsyncEngineClient], Any]) -> Any:
        async with AsyncEngineClient("http://127.0.0.1:9") as client:
            client._http = self  # type: ignore[assignment]
            return await work(client)


async def test_an_order_of_any_type_is_submitted_with_the_wires_fields():
    engine = Engine((202, {"orderId": ID, "status": "open"}))
    limit = {**TERMS, "type": "limit", "limitPrice": "160", "expiresInMs": 1, "dexes": ["raydium"]}
    await engine.ask(lambda client: client.submit(limit, key="k"))
    assert engine.bodies[0] == limit | {"clientOrderId": "k"}


async def test_a_cancel_whose_answer_is_lost_is_sent_again():
    engine = Engine(CUT, (500, {"error": "?"}), (200, {"orderId": ID}))
    assert await engine.ask(lambda client: client.cancel(ID)) == {"orderId": ID}
    assert engine.lines == [f"DELETE /api/orders/{ID}"] * 3


async def test_a_cancel_whose_answer_never_comes_raises_why():
    engine = Engine(*[CUT] * 4)
    with pytest.raises(Unreachable):
        await engine.ask(lambda client: client.cancel(ID))


async def test_a_cancel_that_is_too_late_is_refused_with_the_orders_status():
    engine = Engine((409, {"error": "Too late.", "code": "NOT_CANCELLABLE", "status": "routing"}))
    with pytest.raises(Refused) as refused:
        await engine.ask(lambda client: client.cancel(ID))
    assert (refused.value.code, refused.value.answer["status"]) == ("NOT_CANCELLABLE", "routing")


@pytest.mark.parametrize("order_id", ["", ".", ".."])
async def test_an_id_that_leads_to_another_path_cancels_nothing(order_id: str):
    engine = Engine()
    with pytest.raises(Refused, match="no order's id"):
        await engine.ask(lambda client: client.cancel(order_id))
    assert engine.lines == []


async def test_all_resting_orders_are_cancelled_however_many_an_answer_has():
    engine = Engine((200, {"cancelled": ["a", "b"]}), (200, {"cancelled": ["c"]}), (200, {"cancelled": []}))
    cancelled = await engine.ask(lambda client: client.cancel_all(token_in="SOL", type="limit"))
    assert cancelled == ["a", "b", "c"]
    assert engine.lines == ["DELETE /api/orders?tokenIn=SOL&type=limit"] * 3


async def test_a_batch_is_sent_again_under_the_same_keys():
    results = [{"orderId": ID}, {"error": "No.", "code": "UNKNOWN_TOKEN"}]
    engine = Engine(CUT, (200, {"results": results}))
    assert (
        await engine.ask(lambda client: client.batch([TERMS, TERMS | {"clientOrderId": "mine"}])) == results
    )
    first, second = (body["orders"] for body in engine.bodies)
    assert first == second
    assert [{**TERMS, "clientOrderId": key} for key in (first[0]["clientOrderId"], "mine")] == first


async def test_a_batch_whose_answer_never_comes_may_have_been_placed():
    engine = Engine(*[CUT] * 4)
    orders = [TERMS | {"clientOrderId": key} for key in ("one", "two")]
    with pytest.raises(OutcomeUnknown) as unknown:
        await engine.ask(lambda client: client.batch(orders))
    assert unknown.value.key == "one,two"


async def test_orders_of_several_statuses_are_asked_for_at_once():
    page: dict[str, Any] = {"orders": [], "next": None}
    engine = Engine((200, page), (200, page), (200, page))
    await engine.ask(lambda client: client.orders(status=["open", "pending"]))
    await engine.ask(lambda client: client.orders(limit=5, status="failed"))
    await engine.ask(lambda client: client.orders(status=[]))
    assert [line.partition("?")[2] for line in engine.lines] == [
        "status=open%2Cpending",
        "limit=5&status=failed",
        "",
    ]


async def test_orders_are_asked_for_by_type_pair_and_time():
    engine = Engine((200, {"orders": [], "next": None}))
    await engine.ask(
        lambda client: client.orders(
            type=["limit", "stop"], token_in="SOL", since="2026-01-31T12:00:00+01:00"
        )
    )
    assert dict(parse_qsl(engine.lines[0].partition("?")[2])) == {
        "type": "limit,stop",
        "tokenIn": "SOL",
        "from": "2026-01-31T12:00:00+01:00",
    }


async def test_tokens_are_listed():
    tokens = [{"symbol": "SOL", "mint": "So1", "decimals": 9, "tradable": True}]
    assert await Engine((200, {"tokens": tokens})).ask(lambda client: client.tokens()) == tokens
