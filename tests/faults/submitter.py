"""A client that submits under one idempotency key until its order is accepted, and cancels until it knows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import httpx

from tests.e2e.engine import Engine
from tests.e2e.life import Wire

TAKEN = (200, 202)
CANCELLED_OR_NOT = (200, 409)
FOUND_OR_NOT = (200, 201, 404, 409)
TRY_AGAIN = (429, 503, 504)
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 1.0
ANSWERS_WITHIN_S = 15.0
AT_ONCE = 50  # httpx takes ever longer over requests that wait for a connection


@dataclass
class Answers:
    """The answers to clients: a count of each status, and answers that the README does not allow."""

    statuses: dict[int, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    broken: int = 0  # connections

    def take(self, response: httpx.Response, wanted: tuple[int, ...]) -> None:
        """Count a response, and check that the README allows it."""
        self.statuses[response.status_code] = self.statuses.get(response.status_code, 0) + 1
        if response.status_code not in (*wanted, *TRY_AGAIN):
            self.wrong.append(
                f"a {response.request.method} was answered {response.status_code} {response.text[:200]}"
            )
        elif response.status_code == 503 and not ("retry-after" in response.headers or is_unknown(response)):
            self.wrong.append(f"a 503 without Retry-After: {response.text[:200]}")


def is_unknown(response: httpx.Response) -> bool:
    """Whether the order may have been placed: then it is looked up or sent under its key, at any time."""
    body = response.json()
    return body["code"] == "OUTCOME_UNKNOWN" and "orderId" in body


class Submitter:
    """An async context manager."""

    def __init__(self, engine: Engine) -> None:
        self._http = httpx.AsyncClient(
            base_url=engine.http_url, headers=engine.headers, timeout=ANSWERS_WITHIN_S, trust_env=False
        )
        self._turns = asyncio.Semaphore(AT_ONCE)
        self.answers = Answers()

    async def __aenter__(self) -> Submitter:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def submit(self, key: str, token: str, amount: str, **terms: object) -> Wire:
        """The answer that takes the order, however long it takes to get one."""
        order = {"tokenIn": token, "tokenOut": "USDC", "amount": amount, **terms}
        headers = {"Idempotency-Key": key}
        response = await self._ask("POST", "/api/orders/execute", TAKEN, json=order, headers=headers)
        return dict(response.json())

    async def cancel(self, order_id: str) -> bool:
        """Whether the order was cancelled, however long it takes to get to know."""
        response = await self._ask("DELETE", f"/api/orders/{order_id}", CANCELLED_OR_NOT)
        return response.status_code == 200

    async def is_refused(self, order_id: str) -> bool:
        """Whether the order of another account can be neither seen, cancelled nor subscribed to."""
        path = f"/api/orders/{order_id}"
        answers = [
            await self._ask("GET", path, FOUND_OR_NOT),
            await self._ask("DELETE", path, FOUND_OR_NOT),
            await self._ask("POST", "/api/tickets", FOUND_OR_NOT, json={"orderId": order_id}),
        ]
        return all(answer.status_code == 404 for answer in answers)

    async def orders(self) -> set[str]:
        """The ids of every order of the account."""
        found, cursor = set[str](), ""
        while True:
            parameters = {"limit": 100} | ({"cursor": cursor} if cursor else {})
            page = (await self._ask("GET", "/api/orders", (200,), params=parameters)).json()
            found |= {order["orderId"] for order in page["orders"]}
            if not (cursor := page["next"]):
                return found

    async def ticket(self, order_id: str) -> str:
        """The address of a socket that takes no key."""
        answer = await self._ask("POST", "/api/tickets", (201,), json={"orderId": order_id})
        return str(answer.json()["websocket"])

    async def _ask(self, method: str, path: str, wanted: tuple[int, ...], **request: Any) -> httpx.Response:
        """The first answer with one of these statuses."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                async with self._turns:
                    response = await self._http.request(method, path, **request)
            except httpx.TransportError:
                self.answers.broken += 1
            else:
                self.answers.take(response, wanted)
                if response.status_code in wanted:
                    return response
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
