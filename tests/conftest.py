"""Servers for the tests that need them: one set for the whole run, in a temporary folder."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from chalicelib.migrations import migrate
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from local.endpoints import local_credentials
from local.services import Endpoints, Services
from tests.databases import new_database


def pytest_configure() -> None:
    """Have processes that tests start end at Ctrl-C, which a shell has those in the background ignore."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --engine."""
    parser.addoption(
        "--engine",
        choices=("local", "solana", "deployed", "all"),
        default="local",
        help="what tests/e2e run against: `local up`, the same with --world solana, or a stack deployed "
        "into an emulator of AWS",
    )


# The groups of tests that take longest, longest first: at the end of a run with `-n` no worker then waits
# for one that was begun late. The other groups take seconds and come in the order of collection.
LONGEST_FIRST = (
    "deployed",
    "load and outages",
    "test_dlq_cli",
    "test_cli",
    "test_deploy",
    "test_rounds",
    "test_services",
    "test_readme_commands",
    "test_package",
    "test_sqs_messages",
    "test_processes",
    "test_backlog",
    "test_restart",
    "test_socket_fuzz",
    "test_templates",
    "test_cold_start",
)
RANKS = {name: rank for rank, name in enumerate(LONGEST_FIRST)}

# A thousand clients at once would delay what an outage's test expects within two seconds.
GROUPS = dict.fromkeys(("test_crowds", "test_servers", "test_health"), "load and outages")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests: those of the longest groups first."""
    items.sort(key=lambda item: RANKS.get(group_of(item.nodeid), len(RANKS)))


class Groups(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """Scheduler of `-n` that runs the tests of a group in one worker, one after the other.

    A scheduler of our own, because xdist loses its marks on pytest 9.2:
    https://github.com/pytest-dev/pytest-xdist/issues/1386
    """

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Groups:
    """Use `Groups`, whatever `--dist` says."""
    return Groups(config, log)


def group_of(nodeid: str) -> str:
    """The group of a test: all tests of the deployed stack are one, otherwise each file is."""
    name = "deployed" if "[deployed" in nodeid else Path(nodeid.partition("::")[0]).stem
    return GROUPS.get(name, name)


@pytest.fixture(scope="module", autouse=True)
def environment_of_a_module() -> Iterator[None]:
    """What a module sets for clients of AWS ends with it: the SQS of the next one has another key."""
    before = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    yield
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture(autouse=True)
def current_credentials() -> None:
    """The functions find the access key that is in the environment now, and not that of an earlier test."""
    if clients := sys.modules.get("chalicelib.adapters.aws.clients"):
        clients._session.cache_clear()


@pytest.fixture(scope="session")
def services() -> Iterator[Endpoints]:
    """Postgres, Valkey and SQS with empty queues; attached to those that the environment names.

    The SQS takes the access key that emulators take, so that tests can set it in their environment.
    """
    environ = {**os.environ, **local_credentials({})}
    with Services(None, environ=environ, durable=False) as running:
        yield running.endpoints


@pytest.fixture(scope="session")
def database_url(services: Endpoints) -> Iterator[str]:
    """A database of its own with this version's schema."""
    with new_database(services.database_url) as url:
        migrate(url)
        yield url
