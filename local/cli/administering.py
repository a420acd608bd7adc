"""Events for the function `admin`: called here, beside the running engine, or invoked in AWS."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import click
from botocore.exceptions import BotoCoreError, ClientError
from chalicelib import runtime
from chalicelib.api import admin

from ..client.commands.terminal import NotDone
from ..client.commands.view import Wire
from ..pepper import pepper
from .operating import find_servers

function = click.option(
    "--function", metavar="NAME", envvar="ADMIN_FUNCTION", help="The function Admin of a deployed engine."
)


def manage(event: Mapping[str, object], state: Path, function: str | None) -> Wire:
    """The answer of the function `admin`. Raises NotDone with its refusal."""
    answer = _invoke(event, function) if function else asyncio.run(_manage_here(event, state))
    if "error" in answer:
        raise NotDone(answer["error"])
    return answer


async def _manage_here(event: Mapping[str, object], state: Path) -> Wire:
    config = find_servers(state)
    if not config.key_pepper_secret:
        config = replace(config, key_pepper=pepper(state, os.environ))
    runtime.start(config, loop=asyncio.get_running_loop())
    try:
        return await asyncio.to_thread(admin.manage, event)
    finally:
        await runtime.stop()


def _invoke(event: Mapping[str, object], function: str) -> Wire:
    try:
        answer = boto3.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
        found: Any = json.loads(answer["Payload"].read())
    except (BotoCoreError, ClientError, ValueError) as error:
        raise NotDone(f"The function {function} does not answer: {error}") from None
    if "FunctionError" in answer or not isinstance(found, dict):
        raise NotDone(f"The function {function} failed; its log says why.")
    return found
