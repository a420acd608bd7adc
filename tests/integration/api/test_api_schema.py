"""The engine's OpenAPI document: it matches the code, and the running engine matches it.

schemathesis calls every route with what the document allows and with what it forbids, by a fixed seed. To
import it and to choose its cases takes seconds. That is left to the test: every process of a run collects
this file, and one runs it. For the same reason its plugin is off (pyproject.toml).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import app as functions
import httpx
import pytest
from chalicelib.api.wire.schemas import SUBMIT_PATH
from chalicelib.domain import errors
from chalicelib.domain.lifecycle import TERMINAL, Status
from chalicelib.domain.tokens import TOKENS
from hypothesis import HealthCheck, Phase, settings
from jsonschema import Draft202012Validator, FormatChecker

from local import FUNCTIONS
from tests.e2e import readme
from tests.e2e.engine import LocalEngine
from tests.samples import new_mint

DOCUMENT: dict[str, Any] = json.loads((FUNCTIONS / "chalicelib" / "openapi.json").read_text())
SCHEMAS = DOCUMENT["components"]["schemas"]
SOCKET_ONLY = {
    "UNKNOWN_ACTION",
    "INVALID_TICKET",
    "TOO_MANY_CONNECTIONS",
    "TOO_MANY_SUBSCRIPTIONS",
    "MESSAGE_TOO_LARGE",
}
OTHER_PATHS_ONLY = {"METHOD_NOT_ALLOWED"}


RETRIES = {"SIM_FAULTS": "slippage token=RAY; quote-error token=FIDA times=2", "RETRY_BASE_MS": "1"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A running engine, in which RAY always fails and FIDA is tried again."""
    with LocalEngine({"SIM_LATENCY": "0", **RETRIES}) as running:
        yield running.start().http_url
        assert "Traceback" not in running.log


OPERATIONS = [
    (path, method)
    for path, methods in DOCUMENT["paths"].items()
    for method in methods
    if method in ("get", "post", "put", "patch", "delete")
]


@pytest.fixture(scope="module")
def as_test() -> Callable[..., Callable[[], None]]:
    """Makes the check of a case the test of an operation, with the cases of `schema.parametrize()`."""
    import schemathesis
    from schemathesis.checks import load_all_checks
    from schemathesis.generation.feedback import FeedbackSources
    from schemathesis.pytest._test_builder import build_operation_test

    load_all_checks()
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    feedback = FeedbackSources()
    return lambda path, method, check: build_operation_test(
        config=schema.config,
        operation=schema[path][method],
        test_func=check,
        given_kwargs={},
        feedback=feedback,
    )


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_the_engine_behaves_as_its_document_describes(
    url: str, path: str, method: str, as_test: Callable[..., Callable[[], None]]
) -> None:
    @settings(
        max_examples=60,
        deadline=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def check(case: Any) -> None:
        response = case.call(base_url=url)
        assert response.status_code < 500, response.text
        assert "Traceback" not in response.text
        case.validate_response(response)
        documented = DOCUMENT["paths"][path][method]["responses"].get(str(response.status_code), {})
        if "x-codes" in documented and "code" in response.json():
            assert response.json()["code"] in documented["x-codes"]

    as_test(path, method, check)()


def test_the_served_document_is_the_packaged_one(url: str) -> None:
    assert httpx.get(f"{url}/openapi.json").json() == DOCUMENT | {"servers": [{"url": url}]}


def test_the_document_has_the_routes_of_the_functions() -> None:
    described = {
        (path, method.upper())
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
        if not method.startswith("x-")
    }
    assert described == {
        (path.replace("{order_id}", "{order}"), method)
        for path, methods in functions.app.routes.items()
        for method in methods
        if method != "HEAD"  # GET without the body
        if not path.startswith("/page/")  # files for browsers
        if (path, method) != (SUBMIT_PATH, "GET")  # a WebSocket's handshake, which no operation describes
    }


def test_the_document_describes_the_websocket_beside_the_operations() -> None:
    """A GET of the path is never answered 2xx, as those who read the document may expect of an operation."""
    described = DOCUMENT["paths"][SUBMIT_PATH]["x-websocket"]
    assert [parameter["name"] for parameter in described["parameters"]] == ["orderId", "after", "ticket"]
    assert codes(described["responses"]["426"]) == {"UPGRADE_REQUIRED"}


def test_the_document_has_the_codes_of_the_readme() -> None:
    documented = set(readme.in_tables(readme.section("Errors"), "[A-Z_]{4,}"))
    assert codes(DOCUMENT["paths"]) == documented - SOCKET_ONLY - OTHER_PATHS_ONLY
    assert DOCUMENT["x-codes"].keys() == documented


def test_an_orders_code_is_one_of_a_failed_attempt() -> None:
    failures = {error.code for error in errors.AttemptFailed.__subclasses__()}
    refusals = errors.SigningRefused.CODES  # each of which has a code of its own
    failures = failures - {errors.SigningRefused.code} | refusals
    assert set(SCHEMAS["Order"]["properties"]["code"]["enum"]) == failures


def test_the_document_lists_the_tokens_and_the_statuses() -> None:
    listed, launched = SCHEMAS["Order"]["properties"]["tokenIn"]["anyOf"]
    assert listed["enum"] == [token.symbol for token in TOKENS]
    assert all(re.fullmatch(launched["pattern"], token.mint) for token in TOKENS)
    assert SCHEMAS["Status"]["enum"] == list(Status)


def test_every_event_matches_the_schema_of_its_status(url: str) -> None:
    validator = Draft202012Validator(
        {"$ref": "#/components/schemas/Event", "components": DOCUMENT["components"]},
        format_checker=FormatChecker(),
    )
    resting: dict[str, Any] = {"type": "limit", "limitPrice": 1_000_000}
    lives = [ended(url, token) for token in ("SOL", "RAY", "FIDA")]
    lives += [
        ended(url, "SOL", type="stop", stopPrice=1_000_000),
        ended(url, "SOL", **resting, expiresInMs=100),
    ]
    lives += [ended(url, "SOL", **resting, cancel=True)]
    sniper = {"type": "sniper", "tokenOut": new_mint(), "maxPrice": "0.1", "minLiquidity": 5}
    lives += [ended(url, "SOL", **sniper, cancel=True)]
    events = [event for order in lives for event in order["events"]]
    for event in events:
        validator.validate(event)
        described = SCHEMAS[f"{event['status'].capitalize()}Event"]["properties"]
        assert event.keys() <= described.keys()
    assert {event["status"] for event in events} == set(Status)
    assert any("retryInMs" in event for event in events)


def ended(url: str, token: str, *, cancel: bool = False, **more: object) -> dict[str, Any]:
    """A new order that sells `token`, once it has ended."""
    body = {"tokenIn": token, "tokenOut": "USDC", "amount": 1, **more}
    order_id = httpx.post(f"{url}/api/orders/execute", json=body).json()["orderId"]
    if cancel:
        httpx.delete(f"{url}/api/orders/{order_id}").raise_for_status()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        order: dict[str, Any] = httpx.get(f"{url}/api/orders/{order_id}").json()
        if order["status"] in TERMINAL:
            return order
        time.sleep(0.05)
    raise AssertionError(f"{order_id} has not ended")


def codes(part: Any) -> set[str]:
    """Every error code that a part of the document gives to a response."""
    if isinstance(part, dict):
        own = part.get("x-codes", ())
        return {*own, *(code for value in part.values() for code in codes(value))}
    if isinstance(part, list):
        return set().union(*(codes(value) for value in part))
    return set()
