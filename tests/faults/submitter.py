"""A client that submits under one idempotency key until its order is accepted, and cancels until it knows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from local.client.http import Answer, Http, NoAnswer
from tests.e2e.engine import Engine
from tests.e2e.life import Wire

TAKEN = (200, 202)
CANCELLED_OR_NOT = (200, 409)
FOUND_OR_NOT = (200, 201, 404, 409)
TRY_AGAIN = (429, 503, 504)
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 1.0
ANSWERS_WITHIN_S = 15.0


@dataclass
class Answers:
    """The answers to clients: a count of each status, and answers that the README does not allow."""

    statuses: dict[int, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    broken: int = 0  # connections

    def take(self, method: str, answer: Answer, wanted: tuple[int, ...]) -> None:
        """Count an answer, and check that the README allows it."""
        self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        if answer.status not in (*wanted, *TRY_AGAIN):
            self.wrong.append(f"a {method} was answered {answer.status} {answer.body[:200]!r}")
        elif answer.status == 503 and not ("Retry-After" in answer.headers or is_unknown(answer)):
            self.wrong.append(f"a 503 without Retry-After: {answer.body[:200]!r}")


def is_unknown(answer: Answer) -> bool:
    """Whether the order may have been placed: then it is looked up or sent under its key, at any time."""
    body = answer.json()
    return body["code"] == "OUTCOME_UNKNOWN" and "orderId" in body


class Submitter:
    """An async context manager."""

    def __init__(self, engine: Engine) -> None:
        self._http = Http(
            engine.http_url, headers=engine.headers, timeout_s=ANSWERS_WITHIN_S, uses_proxy=False
        )
        self.answers = Answers()

    async def __aenter__(self) -> Submitter:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def submit(self, key: str, token: str, amount: str, **terms: object) -> Wire:
        """The answer that takes the order, however long it takes to get one."""
        order = {"tokenIn": token, "tokenOut": "USDC", "amount": amount, "clientOrderId": key, **terms}
        return (await self._ask("POST", "/api/orders/execute", TAKEN, json_body=order)).json()

    async def cancel(self, order_id: str) -> bool:
        """Whether the order was cancelled, however long it takes to get to know."""
        answer = await self._ask("DELETE", f"/api/orders/{order_id}", CANCELLED_OR_NOT)
        return answer.status == 200

    async def is_refused(self, order_id: str) -> bool:
        """Whether the order of another account can be neither seen, cancelled nor subscribed to."""
        path = f"/api/orders/{order_id}"
        answers = [
            await self._ask("GET", path, FOUND_OR_NOT),
            await self._ask("DELETE", path, FOUND_OR_NOT),
            await self._ask("POST", "/api/tickets", FOUND_OR_NOT, json_body={"orderId": order_id}),
        ]
        return all(answer.status == 404 for answer in answers)

    async def orders(self) -> set[str]:
        """The ids of every order of the account."""
        found, cursor = set[str](), ""
        while True:
            parameters = {"limit": "100"} | ({"cursor": cursor} if cursor else {})
            page = (await self._ask("GET", "/api/orders", (200,), params=parameters)).json()
            found |= {order["orderId"] for order in page["orders"]}
            if not (cursor := page["next"]):
                return found

    async def ticket(self, order_id: str) -> str:
        """The address of a socket that takes no key."""
        answer = await self._ask("POST", "/api/tickets", (201,), json_body={"orderId": order_id})
        return str(answer.json()["websocket"])

    async def _ask(self, method: str, path: str, wanted: tuple[int, ...], **request: Any) -> Answer:
        """The first answer with one of these statuses."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                answer = await self._http.request(method, path, **request)
            except NoAnswer:
                self.answers.broken += 1
            else:
                self.answers.take(method, answer, wanted)
                if answer.status in wanted:
                    return answer
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
