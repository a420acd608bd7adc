"""The servers' life: from nothing to ready, over restarts and crashes, and gone when we are gone."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
import redis

from local import ROOT
from local.servers import Postgres, Server, Sqs, Valkey
from local.services import Endpoints, ServiceError, Services, erase, find_running

AS_ROOT = os.geteuid() == 0
UNPRIVILEGED = 65534  # the user and group of Linux without any files
BARE: dict[str, str] = {}  # an environment that gives no servers


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def sqs_of(endpoints: Endpoints):
    given = endpoints.environment()
    return boto3.client(
        "sqs",
        endpoint_url=endpoints.aws_endpoint_url,
        region_name=given["AWS_DEFAULT_REGION"],
        aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
    )


def one(endpoints: Endpoints, statement: str) -> object:
    with psycopg.connect(endpoints.database_url, autocommit=True) as connection:
        row = connection.execute(statement).fetchone()
        return row and row[0]


def is_running(pid: int) -> bool:
    """Whether a process runs; a zombie, which only waits to be asked about its end, does not."""
    try:
        os.kill(pid, 0)
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except ProcessLookupError:
        return False
    except FileNotFoundError:  # no /proc here, or gone in between
        return not Path("/proc/self").exists()


@pytest.fixture(scope="module")
def running() -> Iterator[Services]:
    with Services(None, environ=BARE, durable=False) as services:
        yield services


@pytest.fixture
def postgres_only(running: Services) -> dict[str, str]:
    """An environment that gives the other two, for tests that need not start them."""
    given = running.endpoints
    servers = {"REDIS_URL": given.redis_url, "AWS_ENDPOINT_URL": given.aws_endpoint_url}
    return servers | given.credentials()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "state"
    yield path
    erase(path)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start servers in a process of their own; it prints their pids and folders as one line of JSON."""
    program = """
import json, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever we were started from
from pathlib import Path
from local.services import Services
state = Path(sys.argv[1]) if sys.argv[1:] else None
try:
    with Services(state, environ={}, durable=False) as s:
        servers = (s.postgres, s.valkey, s.sqs)
        said = {"pids": [x.pid for x in servers], "folders": [str(x.folder) for x in servers]}
        print(json.dumps(said), flush=True)
        time.sleep(600)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def said_by(process: subprocess.Popen[str]) -> dict[str, list[Any]]:
    assert process.stdout
    return json.loads(process.stdout.readline())


# What is there once they are started


def test_the_three_answer_at_the_endpoints(running: Services) -> None:
    endpoints = running.endpoints
    assert one(endpoints, "SELECT 1") == 1
    with redis.Redis.from_url(endpoints.redis_url) as client:
        assert client.ping()
    assert endpoints.queue_url in sqs_of(endpoints).list_queues()["QueueUrls"]


def test_the_environment_is_all_that_the_functions_need(
    running: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of another account")
    given = running.endpoints.environment()
    assert given["DATABASE_URL"] == running.endpoints.database_url
    assert given["REDIS_URL"] == running.endpoints.redis_url
    assert given["AWS_ENDPOINT_URL"] == running.endpoints.aws_endpoint_url
    assert given["ORDERS_QUEUE_URL"].endswith("/orders")
    assert given["ORDERS_DLQ_URL"].endswith("/orders-dlq")
    assert given["AWS_DEFAULT_REGION"] == "eu-central-1"  # what is set stays
    assert isinstance(running.sqs, Sqs)
    assert given["AWS_ACCESS_KEY_ID"] == running.sqs.key.key_id  # of the SQS that was started here
    assert given["AWS_SECRET_ACCESS_KEY"] == running.sqs.key.secret


def test_the_queues_redrive_after_three_receives(running: Services) -> None:
    client, endpoints = sqs_of(running.endpoints), running.endpoints
    orders = client.get_queue_attributes(QueueUrl=endpoints.queue_url, AttributeNames=["All"])["Attributes"]
    dead = client.get_queue_attributes(QueueUrl=endpoints.dead_letter_url, AttributeNames=["All"])[
        "Attributes"
    ]
    redrive = json.loads(orders["RedrivePolicy"])
    assert redrive["deadLetterTargetArn"] == dead["QueueArn"]
    assert int(redrive["maxReceiveCount"]) == 3
    assert orders["VisibilityTimeout"] == "90"
    assert dead["MessageRetentionPeriod"] == str(14 * 24 * 3600)


def test_the_lines_say_what_was_started_and_where_without_the_password(running: Services) -> None:
    lines = [str(line) for line in running.lines]
    assert [line.name for line in running.lines] == ["Postgres", "Valkey", "SQS"]
    assert all("started at" in line and "127.0.0.1" in line for line in lines)
    password = running.endpoints.database_url.split(":")[2].split("@")[0]
    assert password not in " ".join(lines)


def test_the_versions_are_those_of_the_servers(running: Services) -> None:
    postgres, valkey, _ = running.lines
    assert str(one(running.endpoints, "SHOW server_version")).startswith(postgres.version)
    with redis.Redis.from_url(running.endpoints.redis_url) as client:
        assert client.info("server")["valkey_version"] == valkey.version


def test_no_server_listens_beyond_127_0_0_1(running: Services) -> None:
    for server in (running.postgres, running.valkey, running.sqs):
        assert isinstance(server, Server)
        # another address of this machine: it would answer if the server listened everywhere
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.2", server.port), timeout=2)


# Crashes and restarts


@pytest.mark.parametrize("part", ["postgres", "valkey", "sqs"])
def test_a_killed_server_comes_back_where_it_was(running: Services, part: str) -> None:
    server, before = getattr(running, part), running.endpoints
    pid = server.pid
    server.kill()
    assert not is_running(pid)
    server.start()
    assert server.pid != pid
    assert running.endpoints == before
    test_the_three_answer_at_the_endpoints(running)


def test_postgres_keeps_its_rows_when_it_is_killed_under_a_client(running: Services) -> None:
    assert isinstance(running.postgres, Postgres)
    with psycopg.connect(running.endpoints.database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
        running.postgres.kill()
    running.postgres.start()
    assert one(running.endpoints, "SELECT n FROM kept") == 7


def test_sqs_keeps_its_messages_over_an_orderly_restart(running: Services) -> None:
    client, url = sqs_of(running.endpoints), running.endpoints.queue_url
    client.purge_queue(QueueUrl=url)
    client.send_message(QueueUrl=url, MessageBody="kept")
    assert isinstance(running.sqs, Sqs)
    running.sqs.restart()
    found = client.receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"]
    assert [message["Body"] for message in found] == ["kept"]


def test_what_is_in_the_state_folder_is_there_at_the_next_start(state: Path) -> None:
    with Services(state, environ=BARE) as first:
        with psycopg.connect(first.endpoints.database_url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
        sent = sqs_of(first.endpoints)
        sent.send_message(QueueUrl=first.endpoints.dead_letter_url, MessageBody="dead")
    with Services(state, environ={**BARE, "MAX_ATTEMPTS": "5"}) as second:
        assert one(second.endpoints, "SELECT n FROM kept") == 7
        client, urls = sqs_of(second.endpoints), second.endpoints
        assert client.receive_message(QueueUrl=urls.dead_letter_url)["Messages"][0]["Body"] == "dead"
        assert isinstance(second.sqs, Sqs)
        assert f":{second.sqs.port}/" in urls.queue_url
        found = client.get_queue_attributes(QueueUrl=urls.queue_url, AttributeNames=["RedrivePolicy"])
        assert int(json.loads(found["Attributes"]["RedrivePolicy"])["maxReceiveCount"]) == 5


def test_erase_empties_the_state_folder(state: Path, postgres_only: dict[str, str]) -> None:
    with Services(state, environ=postgres_only) as first:
        with psycopg.connect(first.endpoints.database_url) as connection:
            connection.execute("CREATE TABLE gone ()")
        with pytest.raises(ServiceError, match="in use by another engine"):
            erase(state)
    erase(state)
    with Services(state, environ=postgres_only) as second:
        assert one(second.endpoints, "SELECT to_regclass('gone')") is None


def test_a_temporary_folder_goes_with_its_servers() -> None:
    with Services(None, environ=BARE, durable=False) as services:
        folders = [line.folder for line in services.lines]
        assert all(folder and folder.exists() for folder in folders)
    assert not any(folder and folder.exists() for folder in folders)
    assert folders[1] and not folders[1].parent.exists()


# One engine per folder


def test_a_second_engine_on_a_folder_gets_an_error_with_the_firsts_pid(state: Path, engine) -> None:
    first = engine(str(state))
    said_by(first)
    with pytest.raises(ServiceError, match=rf"in use by another engine \(pid {first.pid}\)"):
        Services(state, environ=BARE).start()
    found = find_running(state)
    assert found
    assert one(found, "SELECT 1") == 1
    assert (state / "endpoints.json").stat().st_mode & 0o077 == 0  # there is a password in it


def test_nothing_is_found_running_where_nothing_runs(state: Path) -> None:
    assert find_running(state) is None
    with Services(state, environ=BARE):
        pass
    assert find_running(state) is None


# Gone when we are gone


@pytest.mark.parametrize("kept", [True, False], ids=["state folder", "temporary folder"])
def test_kill_9_leaves_no_process_behind(engine, state: Path, kept: bool) -> None:
    process = engine(*([str(state)] if kept else []))
    said = said_by(process)
    assert all(is_running(pid) for pid in said["pids"])
    process.kill()
    assert eventually(lambda: not any(is_running(pid) for pid in said["pids"]))
    if not kept:
        folders = [Path(folder) for folder in said["folders"]]
        assert eventually(lambda: not any(folder.exists() for folder in folders))
        assert eventually(lambda: not folders[1].parent.exists())


def test_a_start_right_after_kill_9_waits_for_the_old_servers(engine, state: Path) -> None:
    process = engine(str(state))
    said_by(process)
    process.kill()
    process.wait()
    with Services(state, environ=BARE, durable=False) as services:
        assert one(services.endpoints, "SELECT 1") == 1


def test_ctrl_c_reaches_only_the_parent_which_stops_the_servers(engine) -> None:
    process = engine()
    said = said_by(process)
    os.killpg(process.pid, signal.SIGINT)  # what a terminal does: everyone in the group
    assert process.communicate(timeout=20)[0].strip() == "interrupted"
    assert process.returncode == 0
    assert not any(is_running(pid) for pid in said["pids"])


# Servers that are there already


def test_servers_that_the_environment_gives_are_attached_to(running: Services) -> None:
    given = running.endpoints
    environ = {
        "DATABASE_URL": given.database_url,
        "REDIS_URL": given.redis_url,
        "AWS_ENDPOINT_URL": given.aws_endpoint_url,
        **given.credentials(),
    }
    with Services(None, environ=environ) as attached:
        assert attached.endpoints == given
        assert [line.how for line in attached.lines] == ["attached"] * 3
        assert "@127.0.0.1" in attached.lines[0].address
        assert given.database_url.split(":")[2].split("@")[0] not in str(attached.lines[0])
    test_the_three_answer_at_the_endpoints(running)  # and left as they were


def test_the_emulator_of_localstack_host_is_found(running: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert isinstance(running.sqs, Sqs)
    given = running.endpoints
    environ = {
        "DATABASE_URL": given.database_url,
        "REDIS_URL": given.redis_url,
        "LOCALSTACK_HOST": f"127.0.0.1:{running.sqs.port}",
        **given.credentials(),
    }
    with Services(None, environ=environ) as attached:
        assert attached.endpoints.aws_endpoint_url == given.aws_endpoint_url


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("DATABASE_URL", "postgresql://me:secret@127.0.0.1:{port}/orders"),
        ("DATABASE_URL", "no url at all"),
        ("REDIS_URL", "redis://:secret@127.0.0.1:{port}/0"),
        ("REDIS_URL", "http://127.0.0.1:{port}"),  # not a scheme of Redis
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:{port}"),
        ("AWS_ENDPOINT_URL", "127.0.0.1:{port}"),  # no scheme
        ("LOCALSTACK_HOST", "127.0.0.1:http"),
    ],
)
def test_a_given_server_that_does_not_answer_is_named_by_its_variable(
    running: Services, variable: str, url: str
) -> None:
    given = running.endpoints
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # taken, but not listened on
        environ = {
            "DATABASE_URL": given.database_url,
            "REDIS_URL": given.redis_url,
            variable: url.format(port=closed.getsockname()[1]),
        }
        with pytest.raises(ServiceError, match=variable) as caught:
            Services(None, environ=environ).start()
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


# What can be wrong with the place


def test_a_taken_port_is_said(running: Services) -> None:
    for server in (running.postgres, running.valkey, running.sqs):
        assert isinstance(server, Server)
        server.kill()
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", server.port or 0))
            other.listen()
            with pytest.raises(ServiceError, match=f"{server.name} cannot listen on 127.0.0.1:{server.port}"):
                server.start()
        server.start()


def test_files_of_another_postgres_are_not_touched(state: Path, postgres_only: dict[str, str]) -> None:
    with Services(state, environ=postgres_only) as first:
        assert isinstance(first.postgres, Postgres)
        version = first.postgres.folder / "data" / "PG_VERSION"
    ours = version.read_text()
    version.write_text("12\n")
    with pytest.raises(ServiceError, match="written by Postgres 12"):
        Services(state, environ=postgres_only).start()
    version.write_text(ours)
    with Services(state, environ=postgres_only) as again:
        assert one(again.endpoints, "SELECT 1") == 1


def test_an_interrupted_first_start_is_made_good(state: Path, postgres_only: dict[str, str]) -> None:
    half = state / "postgres" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with Services(state, environ=postgres_only) as services:
        assert one(services.endpoints, "SELECT 1") == 1


def test_a_failed_start_leaves_nothing_running(state: Path) -> None:
    (state / "sqs").mkdir(parents=True)
    (state / "sqs" / "log").mkdir()  # where a file must be
    services = Services(state, environ=BARE)
    with pytest.raises(ServiceError, match="SQS"):
        services.start()
    assert isinstance(services.postgres, Postgres) and isinstance(services.valkey, Valkey)
    assert services.postgres.pid is None
    assert services.valkey.pid is None
    (state / "sqs" / "log").rmdir()
    with Services(state, environ=BARE):
        pass  # the folder was let go


def test_a_state_path_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ServiceError, match="cannot hold the servers' files"):
        Services(tmp_path / "file", environ=BARE).start()


# Root and others


@pytest.mark.skipif(not AS_ROOT, reason="only root has this problem")
def test_root_puts_postgres_where_its_user_can_reach_it(
    tmp_path: Path, postgres_only: dict[str, str]
) -> None:
    tmp_path.chmod(0o700)
    state = tmp_path / "private"
    try:
        with Services(state, environ=postgres_only) as first:
            assert isinstance(first.postgres, Postgres)
            assert str(first.lines[0]).endswith(f"(files: {first.postgres.folder})")
            assert first.postgres.folder.parent == Path("/var/tmp")
            with psycopg.connect(first.endpoints.database_url) as connection:
                connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
        with Services(state, environ=postgres_only) as second:
            assert one(second.endpoints, "SELECT n FROM kept") == 7
            assert isinstance(second.postgres, Postgres)
            elsewhere = second.postgres.folder
    finally:
        erase(state)
    assert not elsewhere.exists()
    assert tmp_path.stat().st_mode & 0o777 == 0o700  # never opened by us


@pytest.mark.skipif(not AS_ROOT, reason="only root can become another user")
def test_another_user_gets_an_error_with_the_folders_owner(
    state: Path, postgres_only: dict[str, str]
) -> None:
    with Services(state, environ=postgres_only):
        pass
    program = """
import os, sys
from pathlib import Path
from local.services import *
os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[3]))
try:
    Services(Path(sys.argv[1]), environ={}).start()
except ServiceError as error:
    print(error)
"""
    arguments = [str(state), str(UNPRIVILEGED), str(UNPRIVILEGED)]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, cwd=ROOT
    )
    assert "belongs to root" in done.stdout, done.stderr
    assert not done.stderr


def test_the_servers_are_of_the_kinds_that_tests_may_break(running: Services) -> None:
    assert isinstance(running.postgres, Postgres)
    assert isinstance(running.valkey, Valkey)
    assert isinstance(running.sqs, Sqs)
