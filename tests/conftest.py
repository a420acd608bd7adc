"""Servers for the tests that need them: one set for the whole run, in a temporary folder."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from chalicelib.migrations import migrate
from psycopg.conninfo import make_conninfo
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from local.services import Endpoints, Services


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --engine."""
    parser.addoption(
        "--engine",
        choices=("local", "deployed", "both"),
        default="local",
        help="what tests/e2e run against: `local up`, or a stack deployed into an emulator of AWS",
    )


# What takes longest, first: with `-n`, nobody is to wait at the end for one that came late.
LONGEST = ("deployed", "test_cli", "test_dlq_cli", "test_crowds", "test_rounds", "test_health")

# A thousand clients would keep those waiting who have a server taken away and want it back in time.
ONE_AFTER_THE_OTHER = {"test_crowds": "crowds and servers", "test_servers": "crowds and servers"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    items.sort(key=lambda item: LONGEST.index(name) if (name := group_of(item.nodeid)) in LONGEST else 99)


class Groups(LoadScopeScheduling):
    """Keeps in one process of `-n` what shares servers.

    By a scheduler of our own, for xdist's marks are lost on pytest 9.2:
    https://github.com/pytest-dev/pytest-xdist/issues/1386
    """

    def _split_scope(self, nodeid: str) -> str:
        name = group_of(nodeid)
        return ONE_AFTER_THE_OTHER.get(name, name)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Groups:
    """Who gets which test with `-n`, whatever `--dist` says."""
    return Groups(config, log)


def group_of(nodeid: str) -> str:
    """What a test shares its servers with: its file, or all that looks at the deployed stack."""
    return "deployed" if "[deployed" in nodeid else Path(nodeid.partition("::")[0]).stem


@pytest.fixture(scope="session")
def services() -> Iterator[Endpoints]:
    """Postgres, Valkey and SQS with empty queues; attached to those that the environment names."""
    with Services(None, durable=False) as running:
        yield running.endpoints


@pytest.fixture(scope="session")
def database_url(services: Endpoints) -> Iterator[str]:
    """A database of its own with this version's schema."""
    name = f"orders_{uuid.uuid4().hex}"
    with psycopg.connect(services.database_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}".encode())
        url = make_conninfo(services.database_url, dbname=name)
        migrate(url)
        yield url
        server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
