"""An engine that starts at once after everything of the one before was killed, its watchdogs too."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from local.servers import Postgres, ServiceError
from tests.integration.local.cli.test_cli import Up, local


def family(pid: int) -> list[int]:
    """The process and all that it has started, and what those have."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found = [pid]
    for known in found:
        found += [child for child, parent in parents.items() if parent == known]
    return found


def test_an_engine_starts_at_once_after_everything_was_killed(tmp_path: Path) -> None:
    state = tmp_path / "state"
    up = Up(state, "--latency=0")
    try:
        for _ in range(3):
            done = local("submit", "SOL", "USDC", "1", "--watch", "--state", str(state))
            assert done.returncode == 0, done.stderr
            for pid in family(up.process.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            old, up = up, Up(state, "--latency=0")
            old.process.wait()
        listed = local("orders", "--json", "--state", str(state))
        assert listed.stdout.count('"confirmed"') == 3
    finally:
        up.ends(signal.SIGTERM)
    up.leaves_nothing()


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Postgres]:
    server = Postgres(tmp_path / "postgres", durable=False, temporary=True)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def test_a_lock_whose_process_is_another_program_by_now_keeps_nobody_out(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    postgres.kill()
    lock = postgres.folder / "data" / "postmaster.pid"
    lock.write_text("1\n" + lock.read_text().partition("\n")[2])  # which always runs, and is no Postgres
    postgres.start()
    with psycopg.connect(postgres.url) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (7,)


def test_files_that_another_postgres_has_are_left_to_it(postgres: Postgres, tmp_path: Path) -> None:
    other = Postgres(tmp_path / "postgres", durable=False)
    with pytest.raises(ServiceError, match=f"in use by another Postgres .pid {postgres.pid}."):
        other.start()
    with psycopg.connect(postgres.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
