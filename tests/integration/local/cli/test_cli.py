"""The command line against an engine in a process of its own: `python -m local up`, and a second terminal."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from local import ROOT
from local.cli import cli
from tests import commands

LONGEST_S = 60
OURS = ("DATABASE_URL", "REDIS_URL", "AWS_ENDPOINT_URL", "LOCALSTACK_HOST", "ENGINE_URL", "PORT", "LOG_LEVEL")
COPE_FAILS = "quote-timeout token=COPE"


def environment(**given: str) -> dict[str, str]:
    """Ours without what would lead a command elsewhere."""
    kept = {name: value for name, value in os.environ.items() if name not in OURS and "SIM_" not in name}
    return {**kept, "PYTHONPATH": str(ROOT), **given}


def local(*arguments: str, **given: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return commands.run(*arguments, environ=environment(**given))


def typed(*arguments: str, **given: str) -> Result:
    """The command in this process, without its start; not for one that sets up logging."""
    return CliRunner().invoke(cli, arguments, env={**dict.fromkeys(OURS), **given}, prog_name="local")


def until(met: Callable[[], Any], what: str) -> Any:
    """What `met` gives as soon as that is true."""
    deadline = time.monotonic() + LONGEST_S
    while not (found := met()):
        assert time.monotonic() < deadline, f"waited in vain for: {what}"
        time.sleep(0.02)
    return found


def processes_that_name(text: str) -> list[int]:
    """Running processes whose command line has `text` in it."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if text.encode() in place.read_bytes():
                found.append(int(place.parent.name))
        except OSError:
            continue  # it has ended meanwhile
    return found


class Up:
    """`up` in a process of its own, on a free port and on `state`; serving once it is made."""

    def __init__(self, state: Path, *options: str, **given: str) -> None:
        self.state = state
        self.log = state.with_suffix(".log")
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "local", "up", "--port", "0", "--state", str(state), *options],
                env=environment(**given),
                cwd="/",
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        until(lambda: self.process.poll() is not None or "serving on" in self.said, "serving")
        found = re.search(r"serving on (\S+) after ([\d.]+) s", self.said)
        assert found, self.said
        self.url, self.seconds = found[1], float(found[2])

    @property
    def said(self) -> str:
        return self.log.read_text()

    def ends(self, number: signal.Signals) -> int:
        """Send a signal and wait for the end; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(LONGEST_S)

    def leaves_nothing(self) -> None:
        until(lambda: not processes_that_name(str(self.state)), "no process left")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    up = Up(
        tmp_path_factory.mktemp("cli") / "state",
        "--latency=0",
        f"--faults={COPE_FAILS}",
        RETRY_BASE_MS="0",
        SIM_SLOT_MS="20",
    )
    try:
        yield up
    finally:
        up.ends(signal.SIGTERM)
        up.leaves_nothing()


def confirmed(engine: Up) -> str:
    """The id of an order that is confirmed."""
    done = local("submit", "SOL", "USDC", "1.5", "--watch", "--json", "--url", engine.url)
    return str(json.loads(done.stdout.splitlines()[0])["orderId"])


def test_help_teaches_every_command_with_an_example():
    done = typed("--help")
    assert done.exit_code == 0
    for command in ("", " demo", " submit", " watch", " orders", " quote", " dlq list", " bench"):
        assert f"./local/run{command}" in done.stdout
    for command in ("up", "demo", "submit", "watch", "orders", "quote", "bench"):
        assert "Example: ./local/run" in typed(command, "--help").stdout


def test_up_says_what_runs_where_and_what_to_type_next(engine: Up):
    for part in ("Postgres", "Valkey", "SQS", "curl -X POST", "watch ORDER_ID", "quote", str(engine.state)):
        assert part in engine.said


def test_the_curl_line_that_up_prints_submits_an_order(engine: Up):
    line = re.search(r"curl -X POST .*?\}'", engine.said, re.DOTALL)
    assert line
    done = subprocess.run(["sh", "-c", f"{line[0]} -sS --noproxy '*'"], capture_output=True, text=True)
    assert json.loads(done.stdout)["status"] == "pending", done.stderr


def test_submit_with_watch_shows_an_order_to_its_end(engine: Up):
    done = local("submit", "SOL", "USDC", "1.5", "--watch", "--url", engine.url)
    assert done.returncode == 0, done.stderr
    steps = ("pending", "routing", "building", "submitted", "confirmed")
    _, *lines = done.stdout.splitlines()
    assert [line.split()[1] for line in lines if line[0].isdigit()] == [*steps]
    assert [line.split()[0] for line in lines if not line[0].isdigit()] == ["quoted", "fees:", "time:"]
    assert "\x1b" not in done.stdout


def test_health_and_top_show_the_engine(engine: Up):
    order_id = confirmed(engine)
    done = typed("health", "--url", engine.url)
    assert (done.exit_code, done.stdout.split()[:2]) == (0, ["database", "ok"])
    shown = typed("top", "--once", "--url", engine.url)
    assert (shown.exit_code, order_id in shown.stdout) == (0, True)
    found = json.loads(typed("top", "--json", "--url", engine.url).stdout)
    assert found["engine"]["recent"]["confirmed"] > 0


def test_a_shell_completes_commands(engine: Up):
    done = local("completion", "bash")
    assert "complete -o nosort -F" in done.stdout
    asked = {"_ORDER_ENGINE_COMPLETE": "bash_complete", "COMP_WORDS": "./local/run sub", "COMP_CWORD": "1"}
    assert local(**asked).stdout.splitlines() == ["plain,submit"]


def test_submit_prints_the_command_that_watches_the_order(engine: Up):
    done = local("submit", "RAY", "USDT", "40", ENGINE_URL=engine.url)
    assert done.returncode == 0, done.stderr
    assert re.search(rf"\./local/run watch [0-9a-f-]{{36}} --url {engine.url}", done.stdout)


def test_watch_shows_an_ended_order_from_its_first_event(engine: Up):
    done = local("watch", confirmed(engine), "--json", "--url", engine.url)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["seq"] for event in events] == [1, 2, 3, 4, 5]


def test_a_failed_order_exits_1_and_is_in_the_dead_letter_queue_with_its_reason(engine: Up):
    done = local("submit", "COPE", "USDC", "1", "--watch", "--json", "--url", engine.url)
    assert done.returncode == 1
    order = json.loads(done.stdout.splitlines()[0])["orderId"]
    with httpx.Client(base_url=engine.url, trust_env=False) as http:
        asked = [{"tokenIn": "COPE", "tokenOut": "USDC", "amount": amount} for amount in range(2, 13)]
        answers = [http.post("/api/orders/execute", json=one).json() for one in asked]
    orders = {order, *(answer["orderId"] for answer in answers)}
    assert len(orders) == 12  # more than SQS gives in one call

    def listed() -> list[dict[str, Any]]:
        done = local("dlq", "list", "--json", "--state", str(engine.state))
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        return found if {one["orderId"] for one in found} == orders else []

    dead_letters = until(listed, "all of them in the dead-letter queue")
    assert {(one["status"], one["code"], one["attempts"]) for one in dead_letters} == {
        ("failed", "QUOTE_TIMEOUT", 3)
    }
    again = local("dlq", "list", "--state", str(engine.state))  # nothing was consumed
    assert all(order in again.stdout for order in orders)
    assert "did not answer in time" in again.stdout


def test_orders_are_listed_newest_first_and_by_status(engine: Up):
    order = confirmed(engine)
    newest = json.loads(local("orders", "--json", "--limit", "1", "--url", engine.url).stdout)
    assert [one["orderId"] for one in newest] == [order]
    shown = local("orders", "--status", "confirmed", "--url", engine.url).stdout
    assert order in shown
    assert "pending" not in shown


def test_a_quote_shows_every_venue(engine: Up):
    asked = ("quote", "SOL", "USDC", "1.5", "--slippage-bps", "50", "--url", engine.url)
    shown = local(*asked).stdout
    for venue in ("raydium", "meteora", "orca"):
        assert venue in shown
    assert set(json.loads(local(*asked, "--json").stdout)["quotes"]) == {"raydium", "meteora", "orca"}
    some = local(*asked, "--dex", "orca", "--dex", "raydium", "--exclude-dex", "raydium", "--json")
    assert set(json.loads(some.stdout)["quotes"]) == {"orca"}


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (("submit", "SOL", "SOL", "1"), "same token"),
        (("submit", "SOL", "USDC", "abc"), "decimal number"),
        (("quote", "SOL", "NOPE", "1"), "no token"),
        (("watch", "nonsense"), "UUID"),
        (("watch", ""), "no order's id"),  # the path of the list
        (("watch", "7f0c2f8e-6f1e-4a53-9d1b-0c5f0f6c2a11"), "no such order"),
    ],
)
def test_what_the_engine_refuses_is_one_line_with_the_reason(
    engine: Up, command: tuple[str, ...], reason: str
):
    done = typed(*command, "--url", engine.url)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "command", [("submit", "SOL", "USDC", "1"), ("orders",), ("watch", "x"), ("quote", "SOL", "USDC", "1")]
)
def test_without_an_engine_a_command_says_how_to_start_one(command: tuple[str, ...]):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        done = typed(*command, ENGINE_URL=f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert done.exit_code == 2
    assert "./local/run" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_an_engine_dlq_says_how_to_start_one(tmp_path: Path):
    done = typed("dlq", "list", "--state", str(tmp_path))
    assert done.exit_code == 2
    assert "./local/run" in done.stderr


@pytest.mark.parametrize("command", ["up", "emulator"])
def test_a_taken_port_is_an_error_of_one_line_before_anything_starts(tmp_path: Path, command: str):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = local(command, "--port", str(port), "--state", str(tmp_path / "state"))
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert f"./local/run {command} --port" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [("SIM_LATENCY", "quick"), ("MAX_ATTEMPTS", "0"), ("SIM_FAULTS", "meteor"), ("LOG_LEVEL", "LOUD")],
)
def test_a_wrong_setting_is_an_error_with_its_name_before_anything_starts(
    tmp_path: Path, name: str, value: str
):
    done = local("up", "--port", "0", "--state", str(tmp_path / "state"), **{name: value})
    assert done.returncode == 2
    assert name in done.stderr or "--log-level" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "state").exists()


def test_a_wrong_fault_is_an_error_before_a_demo_starts():
    done = local("demo", "--faults", "meteor")
    assert (done.returncode, done.stdout) == (2, "")
    assert "SIM_FAULTS" in done.stderr


def test_a_database_that_does_not_answer_is_named_without_its_password(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"postgresql://me:s3cr3t@127.0.0.1:{taken.getsockname()[1]}/orders"
        done = local("up", "--port", "0", "--state", str(tmp_path / "state"), DATABASE_URL=url)
    assert done.returncode == 1
    assert "DATABASE_URL" in done.stderr
    assert "s3cr3t" not in done.stdout + done.stderr
    assert not processes_that_name(str(tmp_path))


def test_a_second_engine_on_the_same_folder_exits_with_the_firsts_pid(engine: Up):
    done = local("up", "--port", "0", "--state", str(engine.state))
    assert done.returncode == 1
    assert str(engine.process.pid) in done.stderr


def test_orders_survive_ctrl_c_and_a_kill_but_not_fresh(tmp_path: Path):
    state = tmp_path / "state"
    instant = {"SIM_LATENCY": "0", "SIM_SLOT_MS": "20"}

    up = Up(state, **instant)
    order = confirmed(up)
    assert up.ends(signal.SIGINT) == 0
    assert re.search(rf"stopped; your data is in \S*{state.name}/$", up.said.rstrip())
    up.leaves_nothing()

    up = Up(state, **instant)
    assert local("watch", order, "--url", up.url).returncode == 0
    second = confirmed(up)
    assert up.ends(signal.SIGKILL) == -signal.SIGKILL
    up.leaves_nothing()

    up = Up(state, **instant)
    listed = json.loads(local("orders", "--json", "--url", up.url).stdout)
    assert [one["orderId"] for one in listed] == [second, order]
    assert up.ends(signal.SIGTERM) == 0
    up.leaves_nothing()

    up = Up(state, "--fresh", **instant)
    assert local("orders", "--url", up.url).stdout == "no orders yet\n"
    assert up.ends(signal.SIGINT) == 0
    up.leaves_nothing()


def test_an_order_in_flight_ends_before_ctrl_c_stops_the_engine(tmp_path: Path):
    up = Up(tmp_path / "state", SIM_LATENCY="0.3")
    answer = json.loads(local("submit", "SOL", "USDC", "1", "--json", "--url", up.url).stdout)
    with subprocess.Popen(
        [sys.executable, "-m", "local", "watch", answer["orderId"], "--json", "--url", up.url],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as watching:
        assert watching.stdout
        for line in watching.stdout:
            if json.loads(line)["status"] in ("routing", "building", "submitted"):
                break
        assert up.ends(signal.SIGINT) == 0
        rest = [json.loads(line)["status"] for line in watching.stdout]
    assert rest[-1] == "confirmed"
    assert watching.returncode == 0
    up.leaves_nothing()


def test_watch_goes_on_when_a_killed_engine_is_back(tmp_path: Path):
    soon = {"LEASE_MS": "1000", "RELAY_LEASE_MS": "1000", "SWEEP_AFTER_MS": "1000"}
    up = Up(tmp_path / "state", SIM_LATENCY="1", **soon)
    answer = json.loads(local("submit", "SOL", "USDC", "1", "--json", "--url", up.url).stdout)
    with subprocess.Popen(
        [sys.executable, "-m", "local", "watch", answer["orderId"], "--json", "--url", up.url],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as watching:
        assert watching.stdout
        events = [json.loads(watching.stdout.readline()) for _ in range(2)]
        up.ends(signal.SIGKILL)
        again = Up(up.state, "--port", up.url.rpartition(":")[2], SIM_LATENCY="0", **soon)
        events += [json.loads(line) for line in watching.stdout]
    assert [event["seq"] for event in events] == [*range(1, len(events) + 1)]
    assert events[-1]["status"] == "confirmed"
    assert watching.returncode == 0
    assert again.ends(signal.SIGINT) == 0
    again.leaves_nothing()


def test_a_second_ctrl_c_ends_it_at_once(tmp_path: Path):
    up = Up(tmp_path / "state", SIM_LATENCY="20")  # an order takes most of a minute
    json.loads(local("submit", "SOL", "USDC", "1", "--json", "--url", up.url).stdout)
    up.process.send_signal(signal.SIGINT)
    until(lambda: "stopping" in up.said, "the stop")
    assert up.ends(signal.SIGINT) == 128 + signal.SIGINT
    up.leaves_nothing()


def test_a_load_of_orders_is_counted_and_reported(engine: Up, tmp_path: Path):
    at, html = ("--url", engine.url), tmp_path / "load.html"
    done = local("load", "--orders", "12", "--clients", "4", "--html", str(html), *at)
    assert done.returncode == 0, done.stderr
    assert "12 confirmed" in done.stdout and "p99" in done.stdout and "█" in done.stdout
    assert "12 orders, 4 clients" in html.read_text()

    mixed = ("--pair", "sol/usdc", "--pair", "COPE/USDC", "--pair", "SOL/NONE")
    done = local("load", "--orders", "6", "--rate", "100", *mixed, "--json", *at)
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["outcomes"] == {"confirmed": 2, "failed": 2, "UNKNOWN_TOKEN": 2}
    assert found["retried"] == 2
    assert found["ms"]["submit → last event"].keys() == {"p50", "p90", "p99", "max"}


def test_a_load_that_is_interrupted_shows_what_there_is(engine: Up):
    def orders() -> set[str]:
        return {order["orderId"] for order in httpx.get(f"{engine.url}/api/orders").json()["orders"]}

    before = orders()
    command = [sys.executable, "-P", "-m", "local", "load", "--rate", "5", "--json", "--url", engine.url]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as loading:
        until(lambda: orders() - before, "an order")
        loading.send_signal(signal.SIGINT)
        assert loading.stdout
        assert json.loads(loading.stdout.read())["orders"] < 100
    assert loading.returncode == 130


def test_the_demo_shows_six_orders_and_counts_their_swaps():
    done = local("demo", "--json", "--latency", "0", SIM_SLOT_MS="20")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 of 6 orders confirmed" in done.stderr
    assert "the chain holds 6 landed swaps" in done.stderr
    orders = json.loads(done.stdout)
    assert [order["swaps"] for order in orders] == [1] * 6
    assert {order["events"][-1]["status"] for order in orders} == {"confirmed"}
    assert "\x1b" not in done.stderr
    assert re.search(r"\d % \+ ", done.stderr)  # one order is divided


def test_the_demo_fails_if_an_order_does():
    done = local("demo", "--latency", "0", "--faults", "quote-timeout token=FIDA", RETRY_BASE_MS="0")
    assert done.returncode == 1
    assert "WRONG" in done.stdout
    assert "5 of 6 orders confirmed" in done.stdout
