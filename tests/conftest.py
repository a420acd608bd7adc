"""Servers for the tests that need them: one set for the whole run, in a temporary folder."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import psycopg
import pytest
from chalicelib.migrations import migrate
from psycopg.conninfo import make_conninfo

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
LONGEST = ("deployed", "test_cli", "test_deploying", "test_dlq_cli", "test_services", "test_readme_commands")

# A thousand clients would keep those waiting who have a server taken away and want it back in time.
ONE_AFTER_THE_OTHER = {"test_crowds": "crowds and servers", "test_servers": "crowds and servers"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep what shares a server in one process of `-n`: a file, and all that looks at the deployed stack."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group_of(item)))
    items.sort(key=lambda item: LONGEST.index(name) if (name := group_of(item)) in LONGEST else len(LONGEST))


def group_of(item: pytest.Item) -> str:
    """What an item shares its servers with, or must not meet."""
    engine = item.callspec.params.get("engine") if hasattr(item, "callspec") else None
    return "deployed" if engine == "deployed" else ONE_AFTER_THE_OTHER.get(item.path.stem, item.path.stem)


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
