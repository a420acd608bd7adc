"""The requests of local/requests and of the Postman collection do what they say."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import app as functions
import pytest

from local import ROOT
from tests.e2e.client import Client
from tests.e2e.engine import Engine
from tests.e2e.raw import ask

FAR_ABOVE = {"type": "limit", "limitPrice": "1000000", "expiresInMs": 3_600_000}  # so it can be cancelled
SCRIPTS = sorted((ROOT / "local" / "requests").glob("*.sh"))
COLLECTION: dict[str, Any] = json.loads((ROOT / "local" / "postman_collection.json").read_text())
POSTMAN: list[dict[str, Any]] = [item for folder in COLLECTION["item"] for item in folder["item"]]
OUR_GATEWAYS = ("NOT_FOUND", "METHOD_NOT_ALLOWED")

Said = tuple[int, str]


def said_by(script: Path) -> Said:
    """The status, and the code of an error, that a script's second line promises."""
    status, _, code = script.read_text().splitlines()[1].removeprefix("# ").partition(":")[0].partition(" ")
    return int(status), code


def said_of(item: dict[str, Any]) -> Said:
    """The same of a Postman request: it is the name of its test."""
    status, _, code = item["event"][0]["script"]["exec"][0].split('"')[1].partition(" ")
    return int(status), code


def skip_if_not_ours(engine: Engine, code: str) -> None:
    if code in OUR_GATEWAYS and not engine.is_local:
        pytest.skip("what stands in front refuses in its own words")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
async def test_each_script_gets_the_answer_that_it_promises(
    client: Client, engine: Engine, script: Path
) -> None:
    status, code = said_by(script)
    skip_if_not_ours(engine, code)
    if shutil.which("curl") is None:
        pytest.skip("there is no curl")
    order = await client.submit("SOL", "USDC", **FAR_ABOVE)
    running = await asyncio.create_subprocess_exec(
        script,
        order["orderId"],
        env={
            **os.environ,
            "ENGINE_URL": engine.http_url,
            "ENGINE_API_KEY": engine.api_key,
            "NO_PROXY": "*",
        },
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await running.communicate()
    assert running.returncode == 0
    head, _, body = output.decode().replace("\r", "").partition("\n\n")
    assert head.split()[1] == str(status)
    assert json.loads(body).get("code", "") == code


async def test_each_postman_request_gets_the_answer_that_its_test_awaits(
    client: Client, engine: Engine
) -> None:
    order = await client.submit("SOL", "USDC", **FAR_ABOVE)
    values = {"{{baseUrl}}": engine.http_url, "{{orderId}}": order["orderId"]}
    for item in POSTMAN:
        status, code = said_of(item)
        if code in OUR_GATEWAYS and not engine.is_local:
            continue
        request = item["request"]
        url = request["url"]["raw"]
        for name, value in values.items():
            url = url.replace(name, value)
        answer = await asyncio.to_thread(
            ask,
            engine,
            request["method"],
            url.removeprefix(engine.http_url),
            request.get("body", {}).get("raw"),
            {header["key"]: header["value"] for header in request["header"]},
        )
        assert (answer.status, answer.json.get("code", "")) == (status, code), item["name"]


def test_a_postman_url_reads_the_same_in_one_piece_and_in_parts() -> None:
    for item in POSTMAN:
        url = item["request"]["url"]
        parts = "/".join(url["host"] + url["path"])
        query = "&".join(f"{parameter['key']}={parameter['value']}" for parameter in url.get("query", ()))
        assert url["raw"] == parts + ("?" + query if query else "")


def test_there_is_a_postman_request_for_each_script() -> None:
    assert Counter(map(said_of, POSTMAN)) == Counter(map(said_by, SCRIPTS))


def test_there_is_a_request_for_each_route_of_the_api() -> None:
    asked = set()
    for item in POSTMAN:
        path = "/" + "/".join(item["request"]["url"]["path"])
        asked.add((item["request"]["method"], path.replace("{{orderId}}", "{order_id}")))
    routes = {
        (method, path)
        for path, methods in functions.app.routes.items()
        for method in methods
        if method != "HEAD" and not path.startswith(("/page/", "/docs"))  # for people, in a browser
    }
    assert routes <= asked
