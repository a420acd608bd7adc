"""What `dlq` does, with the engine's own parts beside a running engine.

The environment says where its servers are (ORDERS_DLQ_URL and the others, as they are set for the deployed
functions); where it does not, they are those of the engine that runs on this machine.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import click
from botocore.exceptions import BotoCoreError
from chalicelib.config import Config
from chalicelib.domain.account import LOCAL
from chalicelib.domain.errors import TemporarilyUnavailable
from chalicelib.domain.order import Order
from chalicelib.ports.queue import DeadLetter
from chalicelib.runtime import Runtime
from chalicelib.services.redrive import Tally

from ..endpoints import find_running
from ..errors import ClientError
from ..roles import prepare_environment
from ..settings import settings
from .dlq_view import detail, progress, row
from .life import Wire

AWS = ".amazonaws.com"


async def rows(state: Path, *, quiet: bool) -> list[Wire]:
    """Every letter with its order."""
    async with operating(state) as engine:
        letters = await _read(engine, quiet=quiet)
        orders = await asyncio.gather(*(_order(engine, letter) for letter in letters))
        return [row(letter, order) for letter, order in zip(letters, orders, strict=True)]


async def details(state: Path, wanted: str, *, quiet: bool) -> list[Wire]:
    """The letters that have the id `wanted`, or whose order has it, each with its order's life."""
    async with operating(state) as engine:
        letters = await _read(engine, quiet=quiet)
        found = [letter for letter in letters if wanted in (letter.message_id.lower(), letter.order_id)]
        if not found:
            raise ClientError(f"No dead letter has the id {wanted!r}, or names an order that has.")
        return [
            detail(
                letter,
                await _order(engine, letter),
                await engine.store.events(letter.order_id) if letter.order_id else [],
            )
            for letter in found
        ]


async def redrive_letters(state: Path, orders: frozenset[str], *, asks: bool, quiet: bool) -> Tally:
    async with operating(state) as engine:
        count = await _count(engine)
        if asks and count and not click.confirm(f"Redrive all {count} dead letters?", err=True):
            raise ClientError("Nothing was done.")
        with progress("redriving", count, quiet=quiet) as met:
            return await engine.redrive.run(LOCAL, orders, lambda tally: met(tally.met))


async def delete_letters(state: Path, messages: tuple[str, ...]) -> list[DeadLetter]:
    async with operating(state) as engine:
        return await engine.redrive.delete(LOCAL, {*messages})


async def _read(engine: Runtime, *, quiet: bool) -> list[DeadLetter]:
    with progress("reading", await _count(engine), quiet=quiet) as met:
        return await engine.redrive.read(LOCAL, met)


async def _order(engine: Runtime, letter: DeadLetter) -> Order | None:
    return await engine.store.order(letter.order_id) if letter.order_id else None


async def _count(engine: Runtime) -> int:
    return (await engine.dead_letters.summary()).count


@asynccontextmanager
async def operating(state: Path) -> AsyncIterator[Runtime]:
    """A runtime on the running loop. Raises ConfigError, and ClientError while a server is away."""
    config = _find_servers(state)
    engine = Runtime(config, asyncio.get_running_loop())
    try:
        yield engine
    except TemporarilyUnavailable as error:
        raise ClientError(f"{error} ({error.__cause__})" if error.__cause__ else str(error)) from error
    except BotoCoreError as error:  # no region, or credentials that can't be read
        raise ClientError(str(error)) from error
    finally:
        await engine.close()


def _find_servers(state: Path) -> Config:
    config = Config.load(settings())
    if config.orders_dlq_url:
        config.require("database_url", "redis_url", "orders_queue_url")
        return _at_sqs(config)
    running = find_running(state)
    if running is None:
        raise ClientError(
            f"No engine runs on {state}. Start one with ./local/run, say where its files are with --state, "
            "or name its servers with DATABASE_URL, REDIS_URL, ORDERS_QUEUE_URL and ORDERS_DLQ_URL."
        )
    prepare_environment()
    return running.configure(config)


def _at_sqs(config: Config) -> Config:
    """`config` with the endpoint, and the environment with the region, that the queue's URL tells."""
    url = urlsplit(config.orders_dlq_url)
    host = url.hostname or ""
    if config.aws_endpoint_url or not host.endswith(AWS):
        prepare_environment()
        return replace(config, aws_endpoint_url=config.aws_endpoint_url or f"{url.scheme}://{url.netloc}")
    if host.startswith("sqs."):  # sqs.REGION.amazonaws.com; the credentials are boto3's to find
        os.environ["AWS_DEFAULT_REGION"] = host.split(".")[1]
    return config
