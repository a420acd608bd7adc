"""An end to waiting for a Postgres that is silent and not dead: the connection is cut from our side."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg


@contextmanager
def within(seconds: float, connection: psycopg.AsyncConnection[Any]) -> Iterator[None]:
    """Cut the connection if the block takes longer; what waits on it then raises OperationalError.

    To cancel the task would not do: the driver asks the server to stop, and waits for its answer.
    """
    cutting = asyncio.get_running_loop().call_later(seconds, _cut, connection)
    try:
        yield
    finally:
        cutting.cancel()


def _cut(connection: psycopg.AsyncConnection[Any]) -> None:
    if not connection.closed:
        with socket.socket(fileno=os.dup(connection.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)
