"""The clients have the same operations, and those are the API's."""

from __future__ import annotations

import inspect
import json
import re
import tomllib

import chalicelib

from local import FUNCTIONS, ROOT
from local.client import AsyncEngineClient, EngineClient

OPERATIONS = {
    "executeOrder": "submit",
    "executeBatch": "batch",
    "cancelOrder": "cancel",
    "cancelOrders": "cancel_all",
    "showOrder": "order",
    "listOrders": "orders",
    "quote": "quote",
    "listPrices": "prices",
    "listTokens": "tokens",
    "issueTicket": "ticket",
    "health": "health",
    "showEngine": "engine",
    "listDeadLetters": "dead_letters",
    "redrive": "redrive",
}
DOCUMENTS = {"index", "openapi", "asyncapi", "docs"}
MORE = {"follow", "all_orders"}


def methods(of: type) -> set[str]:
    functions = {name for name, _ in inspect.getmembers(of, inspect.isfunction) if not name.startswith("_")}
    return functions - {"socket", "aclose", "close"}


def test_every_operation_of_the_api_has_a_method() -> None:
    document = json.loads((FUNCTIONS / "chalicelib" / "openapi.json").read_text())
    found = {
        operation["operationId"]
        for path in document["paths"].values()
        for operation in path.values()
        if "operationId" in operation
    }
    assert found - DOCUMENTS == OPERATIONS.keys()
    assert methods(AsyncEngineClient) == {*OPERATIONS.values(), *MORE}


def test_the_blocking_client_has_the_methods_of_the_other_with_the_same_parameters() -> None:
    assert methods(EngineClient) == methods(AsyncEngineClient)
    for name in methods(EngineClient):
        blocking, other = (inspect.signature(getattr(of, name)) for of in (EngineClient, AsyncEngineClient))
        assert [*blocking.parameters.values()] == [*other.parameters.values()], name


def test_the_client_in_javascript_has_the_same_methods() -> None:
    source = (FUNCTIONS / "chalicelib" / "page" / "client.js").read_text()
    found = set(re.findall(r"^  async \*?([a-z]\w*)\(", source, re.MULTILINE)) - {"messages"}
    assert {re.sub(r"[A-Z]", lambda capital: f"_{capital[0].lower()}", name) for name in found} == methods(
        AsyncEngineClient
    )


def test_the_package_has_the_version_of_the_api() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == chalicelib.VERSION
