"""The client library of the order execution engine; README.md beside this file has examples.

    with EngineClient("http://127.0.0.1:3000") as client:
        order = client.submit({"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1.5"})
        for event in client.follow(order["orderId"], websocket=order["websocket"]):
            print(event["status"])

It needs nothing of the engine: installed (`pip install .`), it is the package `order_engine`.
"""

from __future__ import annotations

from . import wire
from .async_client import SUBMIT_PATH, AsyncEngineClient, new_key
from .client import EngineClient
from .errors import ClientError, OutcomeUnknown, Refused, Unreachable
from .wire import VERSION as __version__

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
    "wire",
]
