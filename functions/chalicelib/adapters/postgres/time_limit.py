"""A time limit on a server that does not respond: the connection is closed from this side."""

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
    """Shut the connection down if the block takes longer; calls that wait on it raise OperationalError.

    Cancelling the task would not end the wait: the driver asks the server to cancel and waits for its reply.
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
