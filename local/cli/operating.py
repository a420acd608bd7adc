"""A Runtime of a command's own, beside an engine that runs.

The environment names its servers (ORDERS_DLQ_URL and the others, as they are set for the deployed functions);
without it, they are those of the engine that runs on this machine.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError
from chalicelib.config import Config
from chalicelib.domain.errors import TemporarilyUnavailable
from chalicelib.runtime import Runtime

from .. import ambient
from ..client import ClientError
from ..endpoints import find_running, prepare_environment
from ..settings import settings

AWS = ".amazonaws.com"


@asynccontextmanager
async def operating(state: Path) -> AsyncIterator[Runtime]:
    """A runtime on the running loop. Raises ConfigError, and ClientError while a server is away."""
    config = find_servers(state)
    engine = Runtime(config, asyncio.get_running_loop())
    try:
        yield engine
    except TemporarilyUnavailable as error:
        raise ClientError(f"{error} ({error.__cause__})" if error.__cause__ else str(error)) from error
    except BotoCoreError as error:  # no region, or credentials that can't be read
        raise ClientError(f"{error}.{ambient.obeyed('SQS')}".replace("..", ".")) from error
    finally:
        await engine.close()


def find_servers(state: Path) -> Config:
    """The settings of an engine whose servers the environment names, or that runs on `state`."""
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
    ambient.forget(running.started)
    prepare_environment(running)
    return running.configure(config)


def _at_sqs(config: Config) -> Config:
    """`config` with the endpoint, and the environment with the region, that the queue's URL names."""
    url = urlsplit(config.orders_dlq_url)
    host = url.hostname or ""
    if config.aws_endpoint_url or not host.endswith(AWS):
        prepare_environment()
        return replace(config, aws_endpoint_url=config.aws_endpoint_url or f"{url.scheme}://{url.netloc}")
    if host.startswith("sqs."):  # sqs.REGION.amazonaws.com; the credentials are botocore's to find
        os.environ["AWS_DEFAULT_REGION"] = host.split(".")[1]
    return config
