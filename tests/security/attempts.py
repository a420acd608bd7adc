"""Every attempt: what a caller does who does not belong, and whether it got in.

An attempt returns what it was answered with, and raises `LetIn` if it got what it wanted.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import httpx
from websockets.exceptions import ConnectionClosed

from tests.e2e.raw import ask
from tests.security.world import ORDER, RESTS, SOON_S, TICKET_TTL_MS, UNKNOWN, World, closed, codes

Attempt = Callable[[World], Awaitable[str]]
ATTEMPTS: dict[str, Attempt] = {}


class LetIn(AssertionError):
    """The attempt got what it wanted."""


def attempt(made: Attempt) -> Attempt:
    """Add an attempt to the table, under the words of its name."""
    ATTEMPTS[made.__name__.replace("_", " ")] = made
    return made


def refused(answer: httpx.Response, *statuses: int) -> str:
    """`401 UNAUTHENTICATED`. Raises LetIn unless the answer has one of the statuses."""
    if answer.status_code not in statuses:
        raise LetIn(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}")
    return f"{answer.status_code} {answer.json()['code']}"


def same(found: set[str]) -> str:
    """The one answer that all were given. Raises LetIn if they differ."""
    if len(found) != 1:
        raise LetIn(f"answers differ: {sorted(found)}")
    return found.pop()


CLOSE_CODES = {"UNAUTHENTICATED": 4401, "INVALID_TICKET": 4401, "ORDER_NOT_FOUND": 4404}
ROUTES: list[tuple[str, str, object, str]] = [  # and the scope that each needs
    ("POST", "/api/orders/execute", ORDER, "orders:write"),
    ("POST", "/api/orders/batch", {"orders": [ORDER]}, "orders:write"),
    ("DELETE", f"/api/orders/{UNKNOWN}", None, "orders:write"),
    ("DELETE", "/api/orders", None, "orders:write"),
    ("GET", "/api/orders", None, "orders:read"),
    ("GET", f"/api/orders/{UNKNOWN}", None, "orders:read"),
    ("GET", "/api/tokens", None, "orders:read"),
    ("GET", "/api/quote?tokenIn=SOL&tokenOut=USDC&amount=1", None, "orders:read"),
    ("POST", "/api/tickets", {}, "orders:read"),
]


async def by_every_route(world: World, headers: dict[str, str], *statuses: int) -> str:
    """What every route answers to these headers, which is the same."""
    answers = set()
    for method, path, body, _ in ROUTES:
        answers.add(refused(await world.http.request(method, path, json=body, headers=headers), *statuses))
    return same(answers)


# --- Without a key ---


@attempt
async def no_key(world: World) -> str:
    return await by_every_route(world, {}, 401)


@attempt
async def a_made_up_key(world: World) -> str:
    return await by_every_route(world, {"x-api-key": "oek_0123456789ab_" + "A" * 43}, 401)


@attempt
async def the_id_of_a_key_with_another_secret(world: World) -> str:
    guesses = [f"{world.alice.text[:-1]}{letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"]
    answers = set()
    for guess in guesses:
        if guess != world.alice.text:
            answer = await world.http.get("/api/orders", headers={"Authorization": f"Bearer {guess}"})
            answers.add(refused(answer, 401, 429))
    return same(answers)


@attempt
async def the_keys_of_two_accounts_mixed(world: World) -> str:
    mixed = "_".join([*world.alice.text.split("_")[:2], world.bob.text.split("_", 2)[2]])
    return await by_every_route(world, {"x-api-key": mixed}, 401)


@attempt
async def a_key_in_the_query_string(world: World) -> str:
    found = await world.http.get("/api/orders", params={"x-api-key": world.alice.text})
    return refused(found, 401)


@attempt
async def basic_authentication(world: World) -> str:
    return await by_every_route(world, {"Authorization": "Basic YWxpY2U6cGFzc3dvcmQ="}, 401)


@attempt
async def a_key_that_has_expired(world: World) -> str:
    key = world.key("alice", expires="1s")
    async with asyncio.timeout(SOON_S):
        while (await world.http.get("/api/orders", headers=key.headers)).is_success:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    return await by_every_route(world, key.headers, 401)


@attempt
async def a_key_that_was_revoked(world: World) -> str:
    key = world.key("alice")
    assert (await world.http.get("/api/orders", headers=key.headers)).status_code == 200
    world.revoke(key)
    return await by_every_route(world, key.headers, 401)


@attempt
async def a_key_that_was_rotated(world: World) -> str:
    key = world.key("alice")
    world.secrets.append(world.keys("rotate", key.id, "--overlap", "0s")["key"])
    return await by_every_route(world, key.headers, 401)


@attempt
async def another_scope_than_the_route_needs(world: World) -> str:
    answers = set()
    for held in ("orders:read", "orders:write", "admin"):
        key = world.key("alice", held)
        for method, path, body, needed in ROUTES:
            if held != needed:
                made = await world.http.request(method, path, json=body, headers=key.headers)
                answers.add(refused(made, 403))
    return same(answers)


# --- What belongs to another account ---


@attempt
async def another_accounts_order_by_id(world: World) -> str:
    answers, texts = set(), set()
    for order_id in (world.order_id, UNKNOWN):
        for method in ("GET", "DELETE"):
            answer = await world.http.request(method, f"/api/orders/{order_id}", headers=world.bob.headers)
            answers.add(refused(answer, 404))
            texts.add(answer.text.replace(order_id, "…"))
    same(texts)
    return same(answers)


@attempt
async def another_accounts_order_in_a_list(world: World) -> str:
    for asked in (
        "",
        "clientOrderId=alices-key",
        "status=open",
        "type=limit",
        "tokenIn=SOL",
        "tokenOut=USDC",
    ):
        answer = await world.http.get(f"/api/orders?{asked}", headers=world.bob.headers)
        if world.order_id in answer.text:
            raise LetIn(answer.text)
    return "not there"


@attempt
async def another_accounts_cursor(world: World) -> str:
    await world.submit(world.alice, **RESTS)
    page = await world.http.get("/api/orders?limit=1", headers=world.alice.headers)
    answer = await world.http.get(
        "/api/orders", params={"cursor": page.json()["next"]}, headers=world.bob.headers
    )
    if world.order_id in answer.text:
        raise LetIn(answer.text)
    return "not there"


@attempt
async def cancelling_another_accounts_orders(world: World) -> str:
    await world.http.request("DELETE", "/api/orders", headers=world.bob.headers)
    await world.http.request("DELETE", f"/api/orders/{world.order_id}", headers=world.bob.headers)
    if await world.status() != "open":
        raise LetIn("cancelled")
    return "still open"


@attempt
async def another_accounts_idempotency_key(world: World) -> str:
    placed = await world.submit(world.bob, **ORDER, clientOrderId="alices-key")
    if placed["orderId"] == world.order_id:
        raise LetIn("replayed")
    return "an order of one's own"


@attempt
async def a_ticket_for_another_accounts_order(world: World) -> str:
    answer = await world.http.post(
        "/api/tickets", json={"orderId": world.order_id}, headers=world.bob.headers
    )
    return refused(answer, 404)


# --- WebSockets ---


async def refused_socket(world: World, address: str | None) -> str:
    """`4401 INVALID_TICKET`: how a connection is refused, which is then closed."""
    error, *end = await world.say(address)
    if "code" not in error or end != [{"closed": CLOSE_CODES[error["code"]]}]:
        raise LetIn(str([error, *end]))
    return f"{end[0]['closed']} {error['code']}"


@attempt
async def a_socket_without_ticket_or_key(world: World) -> str:
    answers = set()
    for address in (None, f"{world.engine.ws_url}?orderId={world.order_id}"):
        answers.add(await refused_socket(world, address))
    return same(answers)


@attempt
async def a_forged_ticket(world: World) -> str:
    answers = set()
    address = await world.ticket(world.alice)
    for place in range(-60, -2):
        changed = "A" if address[place] != "A" else "B"
        answers.add(await refused_socket(world, address[:place] + changed + address[place + 1 :]))
    return same(answers)


@attempt
async def a_ticket_used_twice(world: World) -> str:
    address = await world.ticket(world.alice)
    assert await world.say(address) == [{"action": "pong"}]
    return await refused_socket(world, address)


@attempt
async def a_ticket_whose_time_is_over(world: World) -> str:
    address, over = await world.ticket(world.alice), time.monotonic() + TICKET_TTL_MS / 1000
    while time.monotonic() < over:  # noqa: ASYNC110 - it is not tried before, which would use it
        await asyncio.sleep(0.1)
    return await refused_socket(world, address)


@attempt
async def a_ticket_for_one_order_used_for_another(world: World) -> str:
    own = (await world.submit(world.bob, **RESTS))["orderId"]
    swapped = (await world.ticket(world.bob, own)).replace(own, world.order_id)
    return await refused_socket(world, swapped)


@attempt
async def a_ticket_for_one_order_used_to_do_more(world: World) -> str:
    address = await world.ticket(world.alice, world.order_id)
    answers = await world.say(address, ORDER, {"action": "cancel", "orderId": world.order_id})
    if codes(answers) != {"MISSING_SCOPE"} or await world.status() != "open":
        raise LetIn(str(answers))
    return "MISSING_SCOPE"


@attempt
async def another_accounts_order_on_a_socket(world: World) -> str:
    answers = await world.say(
        await world.ticket(world.bob),
        {"action": "subscribe", "orderId": world.order_id},
        {"action": "cancel", "orderId": world.order_id},
    )
    if codes(answers) != {"ORDER_NOT_FOUND"} or await world.status() != "open":
        raise LetIn(str(answers))
    return "ORDER_NOT_FOUND"


@attempt
async def an_open_socket_after_its_key_was_revoked(world: World) -> str:
    key = world.key("alice")
    async with world.open(await world.ticket(key)) as acting, world.open(await world.ticket(key)) as idle:
        world.revoke(key)
        with suppress(ConnectionClosed):
            await acting.send(json.dumps(ORDER))
            answer = json.loads(await acting.recv())
            if answer.get("code") != "UNAUTHENTICATED":
                raise LetIn(str(answer))
        async with asyncio.timeout(SOON_S):
            last = json.loads(await idle.recv())
            ended = await asyncio.gather(closed(acting), closed(idle))
    if last["code"] != "UNAUTHENTICATED" or set(ended) != {1000}:  # as API Gateway closes it
        raise LetIn(f"{last}, {ended}")
    return "UNAUTHENTICATED, closed"


# --- How requests are written ---


@attempt
async def two_authorization_headers(world: World) -> str:
    headers = [("Authorization", "Bearer no"), ("Authorization", f"Bearer {world.alice.text}")]
    return refused(await world.http.get("/api/orders", headers=headers), 400, 401)


@attempt
async def a_key_in_the_trailers_or_the_body(world: World) -> str:
    body = [json.dumps(ORDER | {"x-api-key": world.alice.text}).encode()]
    answer = ask(world.engine, "POST", "/api/orders/execute", body)
    if answer.status != 401:
        raise LetIn(str(answer))
    return f"401 {answer.json['code']}"


@attempt
async def a_line_break_in_a_header_or_a_path(world: World) -> str:
    forged = "INFO key created key=forged"
    for path in (f"/api/orders/%0d%0a{forged.replace(' ', '%20')}", "/api/orders?status=%0aERROR%20forged"):
        await world.http.get(path, headers=world.alice.headers)
    await world.http.get("/api/orders", headers={"x-request-id": f"a{chr(9)}{forged}"})
    if any(
        line.startswith(("INFO key created key=forged", "ERROR forged"))
        for line in world.local.log.split("\n")
    ):
        raise LetIn("a line of the log")
    return "no line of its own"


# --- What is left lying about ---


@attempt
async def health_in_detail(world: World) -> str:
    for headers in ({}, world.alice.headers):
        found = (await world.http.get("/health", headers=headers)).json()
        if found.keys() != {"status"}:
            raise LetIn(str(found))
    return "ok, and no more"


@attempt
async def a_secret_in_a_log_an_event_an_error_or_a_command_line(world: World) -> str:
    orders = await world.http.get(f"/api/orders/{world.order_id}", headers=world.alice.headers)
    events = json.dumps(orders.json()["events"])
    lines = [path.read_bytes().decode(errors="replace") for path in _command_lines()]
    listed = json.dumps(world.keys("list"))
    for text in (world.local.log, events, listed, *lines):
        for secret in world.secrets:
            if secret in text or secret.removeprefix("oek_")[13:] in text:
                raise LetIn("a secret")
    return f"none of {len(world.secrets)}"


def _command_lines() -> list[Path]:
    return [path / "cmdline" for path in Path("/proc").iterdir() if path.name.isdigit() and path.exists()]
