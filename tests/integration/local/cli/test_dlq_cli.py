"""`dlq` in a second terminal, against an engine in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from click.testing import CliRunner

from local import ROOT
from local.cli import cli
from tests import commands
from tests.e2e import evidence
from tests.e2e.client import Client, eventually
from tests.e2e.engine import Engine, LocalEngine
from tests.integration.adapters.aws.dead_letter_queue import SETTINGS, put_on_sqs

SERVERS = ("DATABASE_URL", "REDIS_URL", "AWS_ENDPOINT_URL", "ORDERS_QUEUE_URL", "ORDERS_DLQ_URL")
UNKNOWN_ORDER = str(uuid.UUID(int=9))
CLEAR_SCREEN = "\x9b2J"  # in eight bits, which SQS lets through


async def run(*arguments: str, stdin: int = subprocess.DEVNULL, **given: str) -> CompletedProcess[str]:
    """Run a command to its end."""
    environ = {name: value for name, value in os.environ.items() if name not in SERVERS}
    return await asyncio.to_thread(
        commands.run, *arguments, environ=environ | {"PYTHONPATH": str(ROOT)} | given, stdin=stdin
    )


async def dlq(
    engine: Engine, *arguments: str, stdin: int = subprocess.DEVNULL, **given: str
) -> CompletedProcess[str]:
    """Run a command of this engine's to its end."""
    return await run("dlq", *arguments, "--state", str(engine.state), stdin=stdin, **given)


async def listed(engine: Engine) -> list[dict[str, Any]]:
    done = await dlq(engine, "list", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, list)
    return found


def put(engine: Engine, *bodies: str) -> None:
    put_on_sqs(evidence.sqs_of(engine), engine.dead_letter_url, [*bodies])


@pytest.fixture(scope="module")
def started() -> Iterator[Engine]:
    with LocalEngine(SETTINGS) as local:
        yield local.start()
        assert local.stop() == 0, local.log


@pytest.fixture
def engine(started: Engine) -> Engine:
    """The engine, its dead-letter queue empty."""
    evidence.sqs_of(started).purge_queue(QueueUrl=started.dead_letter_url)
    return started


@pytest.fixture
async def client(engine: Engine) -> AsyncIterator[Client]:
    async with Client(engine) as client:
        yield client


async def dead_letters(engine: Engine) -> list[str | None]:
    """The order of each dead letter, None for poison; sooner read than `listed`."""
    return await asyncio.to_thread(evidence.dead_letters, engine)


async def failed(client: Client, engine: Engine, token: str = "COPE") -> str:
    """An order that failed, once it is a dead letter."""
    answer = await client.submit(token, "USDC")
    order_id = str(answer["orderId"])
    await eventually(lambda: dead_letters(engine), lambda found: order_id in found)
    return order_id


async def test_an_empty_queue_says_so(engine: Engine) -> None:
    done = await dlq(engine, "list")
    assert (done.returncode, done.stdout) == (0, "the dead-letter queue is empty\n")
    assert await listed(engine) == []
    done = await dlq(engine, "redrive", "--all")
    assert (done.returncode, done.stdout) == (0, "redriven: 0 orders\n")


async def test_poison_is_listed_as_such_and_harms_no_terminal(client: Client, engine: Engine) -> None:
    order_id = await failed(client, engine)
    unknown = json.dumps({"orderId": UNKNOWN_ORDER})
    put(engine, f"not JSON {CLEAR_SCREEN}", "[]", unknown)
    found = {one["body"]: one for one in await listed(engine)}
    assert [one["orderId"] for one in found.values() if not one["poison"]] == [order_id]
    assert found[f"not JSON {CLEAR_SCREEN}"]["poison"] == "it is not JSON"
    assert found["[]"]["poison"] == "it names no order"
    assert found[unknown]["poison"] == f"there is no order {UNKNOWN_ORDER}"
    shown = (await dlq(engine, "list")).stdout
    assert "orders: 1\n" in shown
    assert "messages without an order: 3\n" in shown
    assert CLEAR_SCREEN not in shown
    assert all(one["messageId"] in shown for one in found.values() if one["poison"])
    assert "QUOTE_TIMEOUT" in shown


async def test_show_lists_all_events_by_order_and_by_message(client: Client, engine: Engine) -> None:
    order_id = await failed(client, engine)
    by_order = await dlq(engine, "show", order_id, "--json")
    found = json.loads(by_order.stdout)
    assert found["order"]["events"] == (await client.order(order_id))["events"]
    by_message = await dlq(engine, "show", found["messageId"], "--json")
    assert json.loads(by_message.stdout)["order"] == found["order"]
    shown = (await dlq(engine, "show", order_id.upper())).stdout
    assert f"order {order_id} is failed" in shown
    assert shown.count("routing") == 3
    assert "attempts: 3" in shown
    assert await dead_letters(engine) == [order_id]


async def test_show_gives_poison_in_full(engine: Engine) -> None:
    put(engine, "x" * 1000)
    [poison] = await listed(engine)
    assert len(poison["body"]) == 200
    shown = (await dlq(engine, "show", poison["messageId"])).stdout
    assert "x" * 1000 in shown
    assert "no order: it is not JSON" in shown


async def test_show_of_what_is_not_there_exits_2(engine: Engine) -> None:
    done = await dlq(engine, "show", UNKNOWN_ORDER)
    assert (done.returncode, done.stdout) == (2, "")
    assert UNKNOWN_ORDER in done.stderr


async def test_an_order_that_is_named_is_redriven_and_no_other(client: Client, engine: Engine) -> None:
    wanted, other = await asyncio.gather(failed(client, engine), failed(client, engine))
    done = await dlq(engine, "redrive", wanted)
    assert (done.returncode, done.stdout) == (0, "redriven: 1 order\n"), done.stderr
    await eventually(lambda: client.order(wanted), lambda order: order["status"] == "confirmed")
    assert (await client.order(other))["status"] == "failed"
    assert await dead_letters(engine) == [other]


async def test_watch_goes_on_behind_the_failure_of_a_redriven_order(client: Client, engine: Engine) -> None:
    order_id = await failed(client, engine)
    await dlq(engine, "redrive", order_id)
    await eventually(lambda: client.order(order_id), lambda order: order["status"] == "confirmed")
    done = await run("watch", order_id, "--url", engine.http_url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "redriven: set 2 of its attempts begins" in done.stdout
    assert "confirmed" in done.stdout


async def test_all_of_them_are_redriven_and_what_is_left_makes_it_exit_1(
    client: Client, engine: Engine
) -> None:
    orders = sorted(await asyncio.gather(*(failed(client, engine) for _ in range(3))))
    confirmed = (await client.execute("SOL", "USDC"))[0]["orderId"]
    put(engine, "not JSON", json.dumps({"orderId": confirmed}))
    [poison] = [one["messageId"] for one in await listed(engine) if one["poison"]]
    done = await dlq(engine, "redrive", "--all", "--json")
    assert done.returncode == 1
    tally = json.loads(done.stdout)
    assert sorted(tally["redriven"]) == orders
    assert tally["dropped"] == [{"orderId": confirmed, "status": "confirmed"}]
    assert tally["left"] == [{"messageId": poison, "reason": "poison"}]
    assert [one["messageId"] for one in await listed(engine)] == [poison]
    shown = (await dlq(engine, "redrive", "--yes")).stdout
    left = "left:     1 message without an order; see `dlq list`, and `dlq delete MESSAGE`\n"
    assert shown == f"redriven: 0 orders\n{left}"


async def test_poison_is_deleted_by_its_own_id(engine: Engine) -> None:
    put(engine, "one", "two")
    one, two = sorted(await listed(engine), key=lambda poison: str(poison["body"]))
    done = await dlq(engine, "delete", one["messageId"], UNKNOWN_ORDER)
    assert done.returncode == 1
    assert done.stdout == f"deleted {one['messageId']}: one\nthere is no dead letter {UNKNOWN_ORDER}\n"
    assert [each["messageId"] for each in await listed(engine)] == [two["messageId"]]
    done = await dlq(engine, "delete", two["messageId"], "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"deleted": [two["messageId"]], "missing": []})


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("redrive",), "say --all, or name the orders"),  # no terminal to confirm at
        (("redrive", "nonsense"), "UUID"),
        (("redrive", UNKNOWN_ORDER, "--all"), "Name orders, or say --all"),
        (("delete",), "Missing argument"),
        (("show",), "Missing argument"),
    ],
)
async def test_wrong_usage_exits_2_and_does_nothing(
    client: Client, engine: Engine, arguments: tuple[str, ...], reason: str
) -> None:
    put(engine, "not JSON")
    done = await dlq(engine, *arguments)
    assert done.returncode == 2
    assert reason in " ".join(done.stderr.split())
    assert len(await dead_letters(engine)) == 1


@pytest.mark.parametrize(("answer", "code", "left"), [("y", 0, 0), ("n", 2, 1)])
async def test_a_terminal_is_asked_first(
    client: Client, engine: Engine, answer: str, code: int, left: int
) -> None:
    order_id = await failed(client, engine)
    terminal, stdin = pty.openpty()
    try:
        os.write(terminal, f"{answer}\n".encode())
        done = await dlq(engine, "redrive", stdin=stdin)
    finally:
        os.close(stdin)
        os.close(terminal)
    assert "Redrive 1 dead letter?" in done.stderr
    assert done.returncode == code
    assert (await dead_letters(engine)).count(order_id) == left


async def test_the_environment_names_the_servers_of_an_engine_elsewhere(
    client: Client, engine: Engine, tmp_path: Path
) -> None:
    order_id = await failed(client, engine)
    elsewhere = Engine("", "", state=tmp_path)
    given: dict[str, Any] = {
        "DATABASE_URL": engine.database_url,
        "REDIS_URL": "redis://127.0.0.1:1",  # a redrive needs no Redis
        "ORDERS_QUEUE_URL": engine.queue_url,
        "ORDERS_DLQ_URL": engine.dead_letter_url,
    }
    done = await dlq(elsewhere, "redrive", order_id, **given)
    assert (done.returncode, done.stdout) == (0, "redriven: 1 order\n"), done.stderr
    await eventually(lambda: client.order(order_id), lambda order: order["status"] == "confirmed")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "No engine runs on"),
        ({"ORDERS_DLQ_URL": "http://127.0.0.1:1/0/dlq"}, "DATABASE_URL is not set"),
        (
            {
                "DATABASE_URL": "postgresql://127.0.0.1:1/none",
                "REDIS_URL": "redis://127.0.0.1:1",
                "ORDERS_QUEUE_URL": "http://127.0.0.1:1/0/orders",
                "ORDERS_DLQ_URL": "http://127.0.0.1:1/0/dlq",
            },
            "Could not connect",
        ),
    ],
    ids=["nothing", "half", "away"],
)
async def test_without_its_servers_it_says_what_is_missing_and_exits_2(
    tmp_path: Path, given: dict[str, Any], reason: str
) -> None:
    done = await dlq(Engine("", "", state=tmp_path), "redrive", "--all", **given)
    assert (done.returncode, done.stdout) == (2, "")
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_help_teaches_each_command() -> None:
    for name in ("", "list", "show", "redrive", "delete"):
        done = CliRunner().invoke(cli, ["dlq", *filter(None, [name]), "--help"])
        assert done.exit_code == 0
        assert f"./local/run dlq {name}" in done.stdout
