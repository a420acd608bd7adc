"""The client library of the order execution engine; README.md beside this file has examples.

    with EngineClient("http://127.0.0.1:3000") as client:
        order = client.submit({"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1.5"})
        for event in client.follow(order["orderId"], websocket=order["websocket"]):
            print(event["status"])

It needs nothing of the engine: installed (`pip install .`), it is the package `order_engine`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import ClientError, OutcomeUnknown, Refused, Unreachable
from .wire import VERSION as __version__

if TYPE_CHECKING:
    from .async_client import SUBMIT_PATH, AsyncEngineClient, new_key
    from .client import EngineClient

__all__ = [
    "SUBMIT_PATH",
    "AsyncEngineClient",
    "ClientError",
    "EngineClient",
    "OutcomeUnknown",
    "Refused",
    "Unreachable",
    "__version__",
    "new_key",
]
_IN = {
    "SUBMIT_PATH": "async_client",
    "AsyncEngineClient": "async_client",
    "new_key": "async_client",
    "EngineClient": "client",
}


def __getattr__(name: str) -> Any:
    """Import the clients when they are asked for: HTTP and WebSockets take a tenth of a second."""
    if name not in _IN:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_IN[name]}", __name__), name)
