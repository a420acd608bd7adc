"""The AsyncAPI document: whole, and about the address that it is asked at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from chalicelib.api.wire.document import socket_document
from chalicelib.api.wire.requests import ACTIONS

from local.reference import asyncapi

DOCUMENT = asyncapi.document()


def references(node: object) -> Iterator[str]:
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    if isinstance(node, dict) and isinstance(node.get("$ref"), str):
        yield node["$ref"]
    for child in children:
        yield from references(child)


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert len(found) > 30
    for reference in found:
        node = DOCUMENT
        for name in reference.removeprefix("#/").split("/"):
            node = node[name]


def test_every_action_and_a_submit_is_an_operation_with_its_reply() -> None:
    operations = DOCUMENT["operations"]
    assert operations.keys() == {*ACTIONS, "submit", "stream"}
    assert all("reply" in one for name, one in operations.items() if name != "stream")


@pytest.mark.parametrize(
    ("address", "server", "channel"),
    [
        (
            "ws://127.0.0.1:3000/api/orders/execute",
            {"host": "127.0.0.1:3000", "protocol": "ws"},
            "/api/orders/execute",
        ),
        (
            "wss://proxy.example/engine/api/orders/execute",
            {"host": "proxy.example", "protocol": "wss", "pathname": "/engine"},
            "/api/orders/execute",
        ),
        (
            "wss://abc.execute-api.eu-central-1.amazonaws.com/v1",
            {"host": "abc.execute-api.eu-central-1.amazonaws.com", "protocol": "wss", "pathname": "/v1"},
            "/",
        ),
    ],
)
def test_the_document_names_the_address_of_the_websocket(
    address: str, server: dict[str, str], channel: str
) -> None:
    found = socket_document(address)
    assert found["servers"] == {"engine": server}
    assert found["channels"]["orders"]["address"] == channel  # type: ignore[index]
