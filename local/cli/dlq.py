"""`dlq list`: what SQS has put aside, each message with the order it names and why that failed.

The messages come from the queue, which stays as it is; the orders from the engine.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from botocore.exceptions import BotoCoreError, ClientError

from ..client import EngineClient, Refused
from ..dead_letters import DeadLetter, read_dead_letters
from ..embedded import ServiceError
from ..embedded.queues import connect
from ..endpoints import find_running, local_credentials
from . import options
from .output import dump, say, screen
from .view import dead_letters_table

ASKED_AT_ONCE = 10


@click.group()
def dlq() -> None:
    """Orders that failed for good: the dead-letter queue."""


@dlq.command("list")
@options.state
@options.engine_url
@options.as_json
def list_(state: Path, url: str, as_json: bool) -> None:
    """List the dead-letter queue without taking anything from it.

    \b
    Example: ./local/run dlq list
    """
    letters = asyncio.run(_join(url, _read(_queue(state))))
    if as_json:
        dump(letters)
    elif not letters:
        say("the dead-letter queue is empty")
    else:
        screen().print(dead_letters_table(letters))


def _queue(state: Path) -> str:
    """The queue's URL: the environment's, or that of the engine that runs here."""
    if given := os.environ.get("ORDERS_DLQ_URL", "").strip():
        return given
    running = find_running(state)
    if running is None:
        raise ServiceError(
            f"No engine runs on {state}. Start one with ./local/run, say where its files are with --state, "
            "or name its queue with ORDERS_DLQ_URL."
        )
    return running.dead_letter_url


def _read(queue: str) -> list[DeadLetter]:
    url = urlsplit(queue)
    try:
        sqs = connect(f"{url.scheme}://{url.netloc}", local_credentials(os.environ))
        return read_dead_letters(sqs, queue)
    except (BotoCoreError, ClientError, ValueError) as error:
        raise ServiceError(f"The dead-letter queue {queue} can't be read: {error}") from error


async def _join(url: str, letters: Sequence[DeadLetter]) -> list[dict[str, Any]]:
    """Each message with its order, in the messages' order."""
    slots = asyncio.Semaphore(ASKED_AT_ONCE)
    async with EngineClient(url) as client:

        async def join(letter: DeadLetter) -> dict[str, Any]:
            async with slots:
                return _row(letter, await _order(client, letter))

        return await asyncio.gather(*map(join, letters))


async def _order(client: EngineClient, letter: DeadLetter) -> dict[str, Any]:
    if letter.order_id is None:
        return {"error": f"The message names no order: {letter.body[:100]}"}
    try:
        return await client.order(letter.order_id)
    except Refused as refusal:
        return {"error": str(refusal), "code": refusal.code}


def _row(letter: DeadLetter, order: dict[str, Any]) -> dict[str, Any]:
    return {
        "messageId": letter.message_id,
        "orderId": letter.order_id,
        "status": order.get("status"),
        "code": order.get("code"),
        "error": order.get("error"),
        "attempts": order.get("attempt"),
        "ageSeconds": round(letter.age_s, 1),
        "receives": letter.receives,
    }
