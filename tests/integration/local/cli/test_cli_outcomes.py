"""What a command says of an order when the network, the user or an argument gets in between."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest
from chalicelib.config import Config

from local.engine import Engine
from local.services import Services
from tests.integration.local.cli.test_cli import environment
from tests.link import Link

CONFIG = Config(sim_latency=0.0)
BARE: dict[str, str] = {}


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    with Services(None, environ=BARE, durable=False) as running:
        yield running


@asynccontextmanager
async def serving(services: Services, config: Config = CONFIG) -> AsyncIterator[Engine]:
    async with Engine(config, services.endpoints, port=0) as engine:
        yield engine


async def started(*arguments: str) -> asyncio.subprocess.Process:
    import sys

    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "local", *arguments, env=environment(), cwd="/", stdout=pipe, stderr=pipe
    )


async def local(*arguments: str) -> tuple[int | None, str, str]:
    """Exit code, output and errors of a command."""
    process = await started(*arguments)
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def count(engine: Engine, key: str) -> int:
    """How many orders have the key."""
    async with httpx.AsyncClient(base_url=engine.url, trust_env=False) as http:
        orders = (await http.get("/api/orders?limit=200")).json()["orders"]
    return sum(order.get("clientOrderId") == key for order in orders)


async def test_a_submit_whose_answer_is_dropped_twice_is_one_order(services: Services) -> None:
    async with serving(services) as engine, Link.to(engine.url) as link:
        replies = iter([True, True])
        link.down.reset_when(lambda data: next(replies, False))
        status, out, err = await local("submit", "SOL", "USDC", "1", "--key", "dropped", "--url", link.url)
        assert (status, err) == (0, "")
        assert re.search(r"order [0-9a-f-]{36} is", out)
        assert await count(engine, "dropped") == 1


async def test_a_submit_whose_answer_never_comes_says_how_to_find_out(services: Services) -> None:
    async with serving(services) as engine, Link.to(engine.url) as link:
        link.down.reset_when()
        status, out, err = await local(
            "submit", "SOL", "USDC", "1", "--slippage-bps", "70", "--url", link.url
        )
        assert (status, out) == (3, "")
        assert "may have been placed" in err
        assert "No engine" not in err
        link.heal()
        [look, again] = [
            line.split("./local/run ")[1].split() for line in err.splitlines() if "./local/run" in line
        ]
        status, out, _ = await local(*look)
        order_id = re.search(r"[0-9a-f-]{36}", out)
        assert status == 0 and order_id
        assert {"--slippage-bps", "70"} <= {*again}
        status, out, _ = await local(*again)
        assert status == 0 and order_id[0] in out
        assert await count(engine, again[again.index("--key") + 1]) == 1


async def test_an_order_that_is_placed_and_can_not_be_watched_is_not_said_to_have_failed(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Config(sim_latency=1.0)  # 2 s at least
    async with serving(services, slow) as engine, Link.to(engine.url) as link:
        process = await started("submit", "SOL", "USDC", "1", "--watch", "--url", link.url)
        assert process.stdout
        first = await asyncio.wait_for(process.stdout.readline(), 30)
        order_id = first.decode().split()[1]
        process.send_signal(signal.SIGINT)
        _, err = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 130
        assert f"./local/run watch {order_id} --url {link.url}" in err.decode()
        assert "Traceback" not in err.decode()


@pytest.mark.parametrize("command", ["submit", "quote"])
async def test_arguments_reach_the_engine_as_they_were_meant(services: Services, command: str) -> None:
    async with serving(services) as engine:
        at = ("--url", engine.url)
        status, _, err = await local(command, "SOL", "USDC", "-1", *at)
        assert (status, err) == (2, "error: amount must be greater than zero.\n")
        status, _, err = await local(command, "SOL", "USDC", "1", "--minimum-out", "-.5", *at)
        assert status == 2 and "minimumOut must be" in err
        status, _, err = await local(command, "SOL", "WIF", "1", *at)
        assert status == 2 and "SOL, USDC, USDT" in err
        status, out, err = await local(command, "sol", "usdc", "1", "--json", *at)
        assert status == 0, err
        assert json.loads(out)


async def test_a_quote_says_what_would_be_refused(services: Services) -> None:
    async with serving(services) as engine:
        status, out, _ = await local("quote", "SOL", "USDC", "50000", "--url", engine.url)
        assert status == 2 or "would fail now" in out
        status, out, _ = await local(
            "quote",
            "SOL",
            "USDC",
            "1",
            "--minimum-out",
            "1000",
            "--max-price-impact-bps",
            "10",
            "--url",
            engine.url,
        )
        assert status == 0
        assert "BELOW_MINIMUM_OUT" in out


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("--version",), "order-engine 1."),
        (("help",), "./local/run demo"),
        (("help", "submit"), "--slippage-bps"),
        (("help", "dlq", "redrive"), "--all"),
        (("sumbit",), "Did you mean 'submit'?"),
        (("dlq", "lst"), "Did you mean 'list'?"),
        (("submit", "--wacth"), "Did you mean '--watch'?"),
    ],
)
async def test_help_is_found_where_one_looks_for_it(arguments: tuple[str, ...], shown: str) -> None:
    status, out, err = await local(*arguments)
    assert shown in out + err
    assert status == (2 if "Did" in shown else 0)
