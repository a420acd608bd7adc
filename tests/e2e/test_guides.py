"""The guides do what they say: their code is taken from the pages, and run against real servers."""

from __future__ import annotations

import functools
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from psycopg import connect

from local import ROOT
from local.services import Services
from tests.browser.driver import Browser
from tests.e2e import guides, readme
from tests.e2e.engine import LocalEngine
from tests.integration.local.cli.test_cli import Up, environment, until
from tests.integration.local.cli.test_reload import Copy
from tests.security.browser import NoBrowser, find_chromium
from tests.security.world import SETTINGS, World

INSTANT = {"SIM_LATENCY": "0", "SIM_SLOT_MS": "20"}
ORDER = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1.5"}


def test_every_guide_is_linked_and_its_links_lead_somewhere() -> None:
    linked = {
        (document.parent / link.partition("#")[0]).resolve()
        for document in readme.ALL
        for link in readme.links(document)
        if "://" not in link
    }
    assert set(guides.ALL) <= linked
    for guide in guides.ALL:
        for link in readme.links(guide):
            path, _, anchor = link.partition("#")
            target = guide.parent / path
            assert "://" in link or target.exists(), link
            assert not anchor or anchor in readme.anchors(target), link


def test_a_new_venue_is_quoted_and_fills_an_order(tmp_path: Path) -> None:
    copy = Copy(tmp_path, before=functools.partial(add_venue, tmp_path))
    try:
        with httpx.Client(base_url=copy.url, trust_env=False) as client:
            quotes = client.get("/api/quote", params=ORDER).json()["quotes"]
            assert quotes.keys() == {"raydium", "meteora", "orca", "phoenix"}
            assert float(quotes["phoenix"]["amountOut"]) > 0
            placed = client.post("/api/orders/execute", json=ORDER | {"dexes": ["phoenix"]}).json()

            def ended() -> Any:
                order = client.get(f"/api/orders/{placed['orderId']}").json()
                return order if order["status"] == "confirmed" else None

            assert until(ended, "the order")["dex"] == "phoenix"
    finally:
        copy.process.send_signal(signal.SIGINT)
        copy.process.wait(60)


def test_an_order_of_a_new_type_rests_until_its_price_is_there(tmp_path: Path) -> None:
    copy = Copy(tmp_path, before=functools.partial(add_order_type, tmp_path))
    try:
        with httpx.Client(base_url=copy.url, trust_env=False) as client:
            of_type = ORDER | {"type": "take-profit"}
            rests, fires = (
                client.post("/api/orders/execute", json=of_type | {"takeProfitPrice": price}).json()[
                    "orderId"
                ]
                for price in ("1000", "100")
            )
            until(lambda: client.get(f"/api/orders/{fires}").json()["status"] == "confirmed", "the order")
            assert client.get(f"/api/orders/{rests}").json()["status"] == "open"
            assert "TakeProfitOrder" in client.get("/openapi.json").json()["components"]["schemas"]
    finally:
        copy.process.send_signal(signal.SIGINT)
        copy.process.wait(60)


def add_order_type(folder: Path) -> None:
    [migration] = guides.write_files(guides.ORDER_TYPE, folder)
    assert migration.suffix == ".sql"
    guides.apply_changes(guides.ORDER_TYPE, folder)
    generate = [sys.executable, "-P", "-m", "local.reference"]
    path = os.pathsep.join([str(folder), str(folder / "functions")])
    subprocess.run(generate, cwd=folder, env=environment(PYTHONPATH=path), check=True)


def add_venue(folder: Path) -> None:
    [written] = guides.write_files(guides.VENUE, folder)
    assert written.name == "phoenix.py"
    guides.apply_changes(guides.VENUE, folder)


@contextmanager
def consumer(folder: Path, url: str) -> Iterator[subprocess.Popen[str]]:
    """The consumer of the guide, with the library in its reach as it is when it is installed."""
    if not (folder / "order_engine").exists():
        (folder / "order_engine").symlink_to(ROOT / "local" / "client")
        [program] = guides.write_files(guides.CONSUMER, folder)
        program.write_text(program.read_text().replace("AGAIN = 50", "AGAIN = 1"))
    command = [sys.executable, "consumer.py", "seen.json"]
    with subprocess.Popen(
        command, cwd=folder, env={**os.environ, "ENGINE_URL": url}, stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def test_the_consumer_receives_every_event_once_whatever_is_stopped_meanwhile(tmp_path: Path) -> None:
    with LocalEngine(INSTANT) as engine:
        engine.start()
        placed = [place(engine) for _ in range(3)]
        with consumer(tmp_path, engine.url) as running:
            events = [event_of(running) for _ in range(15)]
            engine.kill()
            found = engine.start()
            placed.append(place(engine))
            events += [event_of(running) for _ in range(5)]
            seen = tmp_path / "seen.json"  # what it has not kept when it is killed it receives again
            until(lambda: placed[-1] in json.loads(seen.read_text())["ended"], "the last event to be kept")
        placed.append(place(engine))  # while it does not run
        kept = json.loads(seen.read_text())  # and it was stopped before it had read the list to its end
        kept["ended"].remove(placed[0])
        seen.write_text(json.dumps(kept | {"whole": False}))
        events = [event for event in events if event["orderId"] != placed[0]]
        with consumer(tmp_path, engine.url) as running:
            events += [event_of(running) for _ in range(10)]
        for order_id in placed:
            assert [event["seq"] for event in events if event["orderId"] == order_id] == [1, 2, 3, 4, 5]

        [query] = guides.blocks(guides.CONSUMER, "sql")
        zero = {"at": "-infinity", "order_id": "00000000-0000-0000-0000-000000000000", "seq": 0}
        for name in zero:
            query = query.replace(f":{name}", f"%({name})s")
        with connect(found.database_url) as connection:
            rows = connection.execute(query.replace("10 seconds", "0 seconds"), zero).fetchall()
    assert len(rows) == 25


def place(engine: LocalEngine) -> str:
    answer = httpx.post(f"{engine.url}/api/orders/execute", json=ORDER, trust_env=False)
    return str(answer.json()["orderId"])


def event_of(running: subprocess.Popen[str]) -> Any:
    assert running.stdout
    line = running.stdout.readline()
    assert line, "the consumer has ended"
    return json.loads(line)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The origin of a web server on a folder."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


async def test_the_front_end_places_an_order_from_an_origin_of_its_own(tmp_path: Path) -> None:
    try:
        find_chromium()
    except NoBrowser as reason:
        pytest.skip(str(reason))
    assert {path.name for path in guides.write_files(guides.FRONT_END, tmp_path)} == {"index.html", "app.js"}
    with served(tmp_path) as origin:
        async with World(SETTINGS | {"ALLOWED_ORIGINS": origin}) as world, Browser() as browser:
            await browser("new")
            await browser("goto", f"{origin}/?engine={world.local.url}")
            await browser("click", "#sell")
            await browser("wait_for_selector", "#steps >> text=UNAUTHENTICATED")
            await browser("fill", "#key", world.alice.text)
            await browser("click", "#sell")
            await browser("wait_for_selector", "#steps >> text=confirmed")  # by a WebSocket with a ticket


def test_the_engine_runs_on_servers_that_were_there_before(tmp_path: Path) -> None:
    [commands] = guides.blocks(guides.OWN_SERVERS, "bash")
    names = [line.split("=")[0].removeprefix("export ") for line in commands.splitlines()[:3]]
    with Services(None, environ={}, durable=False) as own:
        found = own.endpoints
        urls = (found.database_url, found.redis_url, found.aws_endpoint_url)
        given = dict(zip(names, urls, strict=True)) | found.credentials() | INSTANT
        doctor = subprocess.run(
            [sys.executable, "-P", "-m", "local", "doctor", "--json", "--state", str(tmp_path / "state")],
            env=environment(**given, PORT="0"),
            capture_output=True,
            text=True,
        )
        yours = {each["what"] for each in json.loads(doctor.stdout) if each["said"].startswith("yours")}
        assert yours == {"Postgres", "Redis", "SQS"}
        up = Up(tmp_path / "state", **given)
        try:
            assert up.said.count("attached") == 3
            with httpx.Client(base_url=up.url, trust_env=False) as client:
                path = f"/api/orders/{client.post('/api/orders/execute', json=ORDER).json()['orderId']}"
                until(lambda: client.get(path).json()["status"] == "confirmed", "the order")
        finally:
            up.ends(signal.SIGTERM)
        with connect(found.database_url) as connection:
            assert connection.execute("SELECT count(*) FROM orders").fetchone() == (1,)
