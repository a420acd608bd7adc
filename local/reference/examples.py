"""A request for each route and for each common error: as curl scripts, and as a Postman collection."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any

from chalicelib.api.wire.codes import status_of
from chalicelib.api.wire.schemas import SUBMIT_PATH

Json = dict[str, Any]

FORM = "application/x-www-form-urlencoded"
ORDER_ID = "{orderId}"
KEY = '${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"}'
DESCRIPTION = (
    "Every request of the API. `Submit an order` and `Submit a limit order` keep the order's id for `Show an "
    "order` and `Cancel an order`. To subscribe to "
    f"an order, open a WebSocket request at ws://127.0.0.1:3000{SUBMIT_PATH}?orderId={{{{orderId}}}}. "
    "An engine that takes API keys gets the one in `apiKey`."
)


@dataclass(frozen=True)
class Example:
    """A request, and the status and code that it is answered with; `script` is its script's name."""

    script: str
    title: str
    note: str
    path: str
    answer: int | str
    """The status, or the code of a refusal, whose status follows from it."""
    body: str = ""
    method: str = ""
    key: str = ""
    media_type: str = "application/json"

    @property
    def status(self) -> int:
        """The HTTP status of the answer."""
        return self.answer if isinstance(self.answer, int) else status_of(self.answer)

    @property
    def code(self) -> str:
        """The code of the answer if it is a refusal."""
        return self.answer if isinstance(self.answer, str) else ""


NEW_MINT = "J786zrFsyA1MrT2FivecNZw9M4H9Rjxvki8nuQrXbywQ"  # what `./local/run launch WIF` launches
BY_MINT = json.dumps(
    {
        "tokenIn": "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGkZwyTDt1v",
        "tokenOut": "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263",
        "amount": "25.50",
        "slippageBps": 50,
    },
    indent=4,
)


def batch(*orders: str) -> str:
    """The body of a batch."""
    return json.dumps({"orders": [json.loads(one) for one in orders]}, indent=4)


def order(token_in: str, token_out: str, amount: object, **more: object) -> str:
    """The body of a submit."""
    return json.dumps({"tokenIn": token_in, "tokenOut": token_out, "amount": amount, **more})


REQUESTS = (
    Example(
        "submit",
        "Submit an order",
        "an order to sell 1.5 SOL for USDC.",
        SUBMIT_PATH,
        202,
        order("SOL", "USDC", 1.5),
    ),
    Example(
        "submit-by-mint",
        "Submit by mint",
        "tokens by mint, the amount as a string, half a per cent of slippage accepted.",
        SUBMIT_PATH,
        202,
        BY_MINT,
    ),
    Example(
        "submit-limit",
        "Submit a limit order",
        "an order that rests until 1.5 SOL bring 160 USDC each or more, for an hour at most.",
        SUBMIT_PATH,
        202,
        order("SOL", "USDC", 1.5, type="limit", limitPrice="160", expiresInMs=3_600_000),
    ),
    Example(
        "submit-stop",
        "Submit a stop order",
        "an order that rests until 1.5 SOL bring 140 USDC each or less, and then is filled at Raydium only.",
        SUBMIT_PATH,
        202,
        order("SOL", "USDC", 1.5, type="stop", stopPrice="140", dexes=["raydium"]),
    ),
    Example(
        "submit-sniper",
        "Submit a sniper order",
        "an order that rests until a new token, named by its mint, trades at 0.001 SOL each or less.",
        SUBMIT_PATH,
        202,
        order("SOL", NEW_MINT, 1, type="sniper", maxPrice="0.001", minLiquidity="100", expiresInMs=3_600_000),
    ),
    Example(
        "batch",
        "Submit a batch",
        "several orders at once; each is answered in its place, with its id or its error.",
        "/api/orders/batch",
        200,
        batch(
            order("SOL", "USDC", "0.5"),
            order("USDC", "SOL", "75", type="limit", limitPrice="0.01", expiresInMs=3_600_000),
        ),
    ),
    Example(
        "order",
        "Show an order",
        "an order with its events. Usage: order.sh ORDER_ID",
        f"/api/orders/{ORDER_ID}",
        200,
    ),
    Example("orders", "List orders", "the newest orders.", "/api/orders", 200),
    Example(
        "orders-confirmed",
        "List orders of a status",
        "the ten newest of one status; add &cursor= and the answer's `next` for the page after.",
        "/api/orders?limit=10&status=confirmed",
        200,
    ),
    Example(
        "orders-open",
        "List orders that have not ended",
        "the newest that rest or wait for a worker; statuses are separated by commas.",
        "/api/orders?status=open,pending",
        200,
    ),
    Example(
        "orders-limits",
        "List orders of a type and a pair",
        "the newest limits that sell SOL for USDC, since a time.",
        "/api/orders?type=limit&tokenIn=SOL&tokenOut=USDC&from=2026-01-31T12:00:00Z",
        200,
    ),
    Example(
        "cancel",
        "Cancel an order",
        "cancels an order that is open or pending; 409 NOT_CANCELLABLE once a worker has taken it. "
        "Usage: cancel.sh ORDER_ID",
        f"/api/orders/{ORDER_ID}",
        200,
        method="DELETE",
    ),
    Example(
        "cancel-all",
        "Cancel resting orders",
        "cancels those of your limit orders that sell SOL for USDC; without parameters all that rest.",
        "/api/orders?tokenIn=SOL&tokenOut=USDC&type=limit",
        200,
        method="DELETE",
    ),
    Example(
        "ticket",
        "Ticket",
        "the address of a WebSocket, with a ticket in it where the engine takes API keys, for a browser.",
        "/api/tickets",
        201,
        method="POST",
    ),
    Example("tokens", "Tokens", "the tokens that are traded.", "/api/tokens", 200),
    Example(
        "quote",
        "Quote",
        "what every venue offers now; no order is placed.",
        "/api/quote?tokenIn=SOL&tokenOut=USDC&amount=1.5&slippageBps=100",
        200,
    ),
    Example(
        "prices",
        "Prices",
        "what a SOL has cost at every venue, at each of the last 60 seconds.",
        "/api/prices?tokenIn=SOL&tokenOut=USDC&everyMs=1000&count=60",
        200,
    ),
    Example(
        "engine", "Engine", "the engine at a glance: queue, orders under way, times.", "/api/engine", 200
    ),
    Example(
        "dead-letters",
        "Dead letters",
        "orders that failed for good, and messages without an order.",
        "/api/dead-letters?limit=20",
        200,
    ),
    Example(
        "redrive",
        "Redrive dead letters",
        "gives failed orders a new set of attempts; of others it says why not.",
        "/api/dead-letters/redrive",
        200,
        '{"orderIds": ["00000000-0000-0000-0000-000000000001"]}',
    ),
    Example("health", "Health", "whether all servers answer; 503 when one is unavailable.", "/health", 200),
    Example("index", "Index", "what this is, and its endpoints.", "/", 200),
    Example("asyncapi", "AsyncAPI document", "the WebSocket, as AsyncAPI 3.", "/asyncapi.json", 200),
    Example("openapi", "OpenAPI document", "this API as an OpenAPI 3.1 document.", "/openapi.json", 200),
)
ERRORS = (
    Example(
        "error-invalid-amount",
        "Invalid amount",
        "nothing is sold.",
        SUBMIT_PATH,
        "INVALID_AMOUNT",
        order("SOL", "USDC", 0),
    ),
    Example(
        "error-invalid-json", "Invalid JSON", "not JSON.", SUBMIT_PATH, "INVALID_JSON", '{"tokenIn": "SOL",'
    ),
    Example(
        "error-malformed-order-id", "Malformed order id", "not a UUID.", "/api/orders/1", "INVALID_ORDER_ID"
    ),
    Example(
        "error-media-type",
        "Media type",
        "a form, which is what curl sends by default.",
        SUBMIT_PATH,
        "UNSUPPORTED_MEDIA_TYPE",
        order("SOL", "USDC", 1),
        media_type=FORM,
    ),
    Example(
        "error-method",
        "Method",
        "orders can't be replaced.",
        "/api/orders",
        "METHOD_NOT_ALLOWED",
        method="PUT",
    ),
    Example(
        "error-missing-field",
        "Missing field",
        "no amount.",
        SUBMIT_PATH,
        "MISSING_FIELD",
        '{"tokenIn": "SOL", "tokenOut": "USDC"}',
    ),
    Example(
        "error-upgrade",
        "Upgrade required",
        "a GET where a WebSocket is; connect to it with a WebSocket client.",
        SUBMIT_PATH,
        "UPGRADE_REQUIRED",
    ),
    Example("error-not-found", "Not found", "no such path.", "/api/order", "NOT_FOUND"),
    Example(
        "error-parameter",
        "Parameter",
        "a page has 200 orders at most.",
        "/api/orders?limit=201",
        "INVALID_PARAMETER",
    ),
    Example(
        "error-quote",
        "Quote",
        "the least amount of BONK buys no unit of USDC.",
        "/api/quote?tokenIn=BONK&tokenOut=USDC&amount=0.00001",
        "INSUFFICIENT_LIQUIDITY",
    ),
    Example(
        "error-slippage",
        "Slippage",
        "more than half.",
        SUBMIT_PATH,
        "INVALID_SLIPPAGE",
        order("SOL", "USDC", 1, slippageBps=5001),
    ),
    Example(
        "error-too-precise",
        "Too precise",
        "USDC has six decimals.",
        SUBMIT_PATH,
        "AMOUNT_TOO_PRECISE",
        order("USDC", "SOL", "1.0000001"),
    ),
    Example(
        "error-price",
        "Price of another type",
        "a market order with the price of a limit.",
        SUBMIT_PATH,
        "INVALID_PRICE",
        order("SOL", "USDC", 1, limitPrice="160"),
    ),
    Example(
        "error-listed",
        "Sniper for a listed token",
        "a token that is traded already.",
        SUBMIT_PATH,
        "TOKEN_LISTED",
        order("SOL", "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263", 1, type="sniper", maxPrice="0.001"),
    ),
    Example(
        "error-expiry",
        "Expiry in the past",
        "a time that is over.",
        SUBMIT_PATH,
        "EXPIRY_OUT_OF_RANGE",
        order("SOL", "USDC", 1, expiresAt="2020-01-31T12:00:00Z"),
    ),
    Example(
        "error-unknown-dex",
        "Unknown venue",
        "the answer lists those that there are.",
        SUBMIT_PATH,
        "UNKNOWN_DEX",
        order("SOL", "USDC", 1, dexes=["lifinity"]),
    ),
    Example(
        "error-quote-id",
        "Id of a quote",
        "no quote came with such an id.",
        SUBMIT_PATH,
        "INVALID_QUOTE_ID",
        order("SOL", "USDC", 1, quoteId="2026-01-31"),
    ),
    Example(
        "error-unknown-order",
        "Unknown order",
        "no such order.",
        "/api/orders/00000000-0000-0000-0000-000000000001",
        "ORDER_NOT_FOUND",
    ),
    Example(
        "error-unknown-token",
        "Unknown token",
        "the answer lists those that there are.",
        SUBMIT_PATH,
        "UNKNOWN_TOKEN",
        order("DOGE", "USDC", 1),
    ),
    Example(
        "error-idempotency-key",
        "Invalid idempotency key",
        "a key of more than 64 characters.",
        SUBMIT_PATH,
        "INVALID_IDEMPOTENCY_KEY",
        order("SOL", "USDC", 1.5),
        key="0123456789" * 7,
    ),
)


def scripts() -> dict[str, str]:
    """Every example as a shell script, by the script's name."""
    return {example.script: _script(example) for example in (*REQUESTS, *ERRORS)}


def collection() -> str:
    """Every example as a Postman collection."""
    shown = {
        "info": {
            "name": "Order execution engine",
            "description": DESCRIPTION,
            "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
        },
        "variable": [
            {"key": "baseUrl", "value": "http://127.0.0.1:3000"},
            {"key": "orderId", "value": ""},
            {"key": "apiKey", "value": ""},
        ],
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{apiKey}}", "type": "string"}]},
        "item": [
            {"name": "Requests", "item": [_item(example) for example in REQUESTS]},
            {"name": "Errors", "item": [_item(example) for example in ERRORS]},
        ],
    }
    return json.dumps(shown, indent=2) + "\n"


def _script(example: Example) -> str:
    path = example.path.replace(ORDER_ID, f"${{1:?Usage: {example.script}.sh ORDER_ID}}")
    line = f'curl -sSi "${{ENGINE_URL:-http://127.0.0.1:3000}}{path}" {KEY}'
    options = [f"-H {shlex.quote(header)}" for header in _headers(example) if FORM not in header]
    if example.method:
        line += f" -X {example.method}"
    if example.body:
        options.append(f"-d {shlex.quote(example.body)}")
    answer = f"{example.status} {example.code}".strip()
    return "\n".join(["#!/bin/sh", f"# {answer}: {example.note}", " \\\n    ".join([line, *options]), ""])


def _headers(example: Example) -> list[str]:
    if not example.body:
        return []
    key = [f"Idempotency-Key: {example.key}"] if example.key else []
    return [f"Content-Type: {example.media_type}", *key]


def _item(example: Example) -> Json:
    path = example.path.replace(ORDER_ID, "{{orderId}}")
    route, _, query = path.partition("?")
    url: Json = {
        "raw": "{{baseUrl}}" + path,
        "host": ["{{baseUrl}}"],
        "path": route.removeprefix("/").split("/"),
    }
    if query:
        pairs = [pair.partition("=") for pair in query.split("&")]
        url["query"] = [{"key": name, "value": value} for name, _, value in pairs]
    request: Json = {
        "method": example.method or ("POST" if example.body else "GET"),
        "header": [
            dict(zip(("key", "value"), header.split(": ", 1), strict=True)) for header in _headers(example)
        ],
        "url": url,
        "description": example.note[0].upper() + example.note[1:].partition(" Usage:")[0],
    }
    if example.body:
        request["body"] = {"mode": "raw", "raw": example.body}
    return {
        "name": example.title,
        "request": request,
        "event": [
            {"listen": "test", "script": {"type": "text/javascript", "exec": list(_assertions(example))}}
        ],
    }


def _assertions(example: Example) -> tuple[str, ...]:
    answer = f"{example.status} {example.code}".strip()
    lines = [f'pm.test("{answer}", () => {{', f"    pm.response.to.have.status({example.status});"]
    if example.code:
        lines.append(f'    pm.expect(pm.response.json().code).to.eql("{example.code}");')
    lines.append("});")
    if example.script in ("submit", "submit-limit"):
        lines.append('pm.collectionVariables.set("orderId", pm.response.json().orderId);')
    return tuple(lines)
