"""Credentials in Secrets Manager: read for new connections, rotated under open ones, never logged."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import subprocess
import sys
import traceback
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import psycopg
import pytest
from chalicelib.adapters.aws.secrets import KEPT_S, TRUSTED_S, Credentials, Secret
from chalicelib.adapters.postgres.database import Database
from chalicelib.adapters.redis import pool as redis_pool
from chalicelib.adapters.redis.events import RedisEvents
from chalicelib.api.wire.events import event_message
from chalicelib.domain.errors import TemporarilyUnavailable
from chalicelib.migrations import MigrationError, migrate, migrations
from moto import mock_aws
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from redis.asyncio import Redis

from local.services import Endpoints
from tests.fakes import eventually

FUNCTIONS = Path(__file__).parents[4] / "functions"


class Account:
    """A user of a server, whose password is in a secret; `passwords` are all that it ever had."""

    def __init__(self) -> None:
        self.name = f"user_{uuid.uuid4().hex}"
        self.passwords: list[str] = []
        self.now = 1000.0
        self._manager = boto3.client("secretsmanager")
        self.arn = self._manager.create_secret(Name=self.name, SecretString="{}")["ARN"]

    def rotate(self) -> str:
        """A new password in the secret; the caller changes it on the server."""
        self.passwords.append(secrets.token_urlsafe())
        self.write(json.dumps({"username": self.name, "password": self.passwords[-1]}))
        return self.passwords[-1]

    def write(self, text: str) -> None:
        self._manager.put_secret_value(SecretId=self.arn, SecretString=text)

    def secret(self) -> Secret:
        return Secret(self.arn, clock=lambda: self.now)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        yield Account()


@pytest.fixture
def role(account: Account, services: Endpoints) -> Iterator[str]:
    """Postgres for the account's role, as a URL without a password."""
    with psycopg.connect(services.database_url, autocommit=True) as server:
        server.execute(f"CREATE ROLE {account.name} LOGIN PASSWORD '{account.rotate()}'".encode())
        server.execute(f"CREATE DATABASE {account.name} OWNER {account.name}".encode())
        there = conninfo_to_dict(services.database_url)
        yield f"postgresql://{there['host']}:{there['port']}/{account.name}"
        server.execute(f"DROP DATABASE {account.name} WITH (FORCE)".encode())
        server.execute(f"DROP ROLE {account.name}".encode())


async def rotate_role(account: Account, services: Endpoints) -> None:
    """A new password for the role; connections with the old one have ended when this returns."""
    server = await psycopg.AsyncConnection.connect(services.database_url, autocommit=True)
    async with server:
        await server.execute(f"ALTER ROLE {account.name} PASSWORD '{account.rotate()}'".encode())
        await server.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = %s", [account.name]
        )


async def user_of(database: Database) -> str:
    async with database.connection() as connection:
        cursor = await connection.execute("SELECT current_user AS name")
        [row] = await cursor.fetchall()
        return str(row["name"])


@pytest.fixture
async def database(account: Account, role: str) -> AsyncIterator[Database]:
    database = Database(role, secret=account.secret())
    yield database
    await database.close()


# The secret itself


def test_a_secret_is_read_once_a_minute_however_many_ask(account: Account) -> None:
    first, secret = account.rotate(), account.secret()
    assert secret.read() == Credentials(account.name, first)
    second = account.rotate()
    account.now += KEPT_S - 1
    assert secret.read().password == first
    account.now += 1
    assert secret.read().password == second


def test_a_secret_that_a_server_refuses_is_read_again_but_not_at_once(account: Account) -> None:
    first, secret = account.rotate(), account.secret()
    assert secret.read().password == first
    second = account.rotate()
    secret.distrust()
    assert secret.read().password == first
    account.now += TRUSTED_S
    assert secret.read().password == second
    account.rotate()
    account.now += TRUSTED_S
    assert secret.read().password == second


@pytest.mark.parametrize("text", ["hunter2", '"hunter2"', '["hunter2"]', '{"password": "hunter2"}', "{}"])
def test_a_secret_of_another_shape_is_said_to_be_so_without_a_word_of_it(account: Account, text: str) -> None:
    account.write(text)
    with pytest.raises(TemporarilyUnavailable, match="does not hold") as raised:
        account.secret().read()
    assert "hunter2" not in "".join(traceback.format_exception(raised.value))


def test_credentials_show_no_password() -> None:
    assert "hunter2" not in repr(Credentials("engine", "hunter2"))


def test_who_needs_no_secret_does_not_import_boto3() -> None:
    program = (
        "import sys\n"
        "from chalicelib.adapters.aws import secrets\n"
        "from chalicelib.adapters.postgres import database\n"
        "from chalicelib.adapters.redis import pool\n"
        "from chalicelib import migrations\n"
        "assert not {'boto3', 'botocore'} & {*sys.modules}\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=FUNCTIONS, check=True, timeout=30)


# Postgres


async def test_a_connection_is_made_as_the_secrets_user(database: Database, account: Account) -> None:
    assert await user_of(database) == account.name


async def test_a_new_connection_after_a_rotation_has_the_new_password(
    database: Database, account: Account, services: Endpoints
) -> None:
    await user_of(database)
    await rotate_role(account, services)
    account.now += KEPT_S
    assert await user_of(database) == account.name


async def test_a_rotation_is_noticed_before_the_minute_is_over_when_the_old_password_is_refused(
    database: Database, account: Account, services: Endpoints
) -> None:
    await user_of(database)
    account.now += TRUSTED_S
    await rotate_role(account, services)

    async def lets_us_in() -> bool:
        try:
            return await user_of(database) == account.name
        except TemporarilyUnavailable:
            return False

    await eventually(lets_us_in)


async def test_while_the_secret_can_not_be_read_the_database_is_away(role: str, account: Account) -> None:
    missing = Secret(f"{account.arn}-gone")
    database = Database(role, secret=missing, timeout=0.5)
    try:
        with pytest.raises(TemporarilyUnavailable, match="database is not available"):
            await user_of(database)
    finally:
        await database.close()


def test_a_migration_comes_as_the_secrets_user(role: str, account: Account) -> None:
    assert migrate(role, secret=account.secret()) == [path.name for path in migrations()]
    with psycopg.connect(
        make_conninfo(role, user=account.name, password=account.passwords[-1])
    ) as connection:
        owner = "SELECT tableowner FROM pg_tables WHERE tablename = 'orders'"
        assert connection.execute(owner).fetchone() == (account.name,)


def test_a_migration_that_can_not_read_its_secret_says_so(role: str, account: Account) -> None:
    account.write("hunter2")
    with pytest.raises(MigrationError, match=account.name) as raised:
        migrate(role, secret=account.secret())
    assert "hunter2" not in "".join(traceback.format_exception(raised.value))


# Redis


@pytest.fixture
async def valkey(account: Account, services: Endpoints) -> AsyncIterator[Redis]:
    """The server, as its administrator."""
    async with Redis.from_url(services.redis_url) as valkey:
        yield valkey
        await valkey.acl_deluser(account.name)


async def let_in(valkey: Redis, account: Account) -> None:
    """The account with a new password; connections with an old one are ended."""
    rules = ["reset", "on", f">{account.rotate()}", "allkeys", "allchannels", "+@all"]
    await valkey.execute_command("ACL", "SETUSER", account.name, *rules)
    await valkey.execute_command("CLIENT", "KILL", "USER", account.name)


def bare(services: Endpoints) -> str:
    there = urlsplit(services.redis_url)
    return f"redis://{there.hostname}:{there.port}/0"


async def test_redis_is_entered_as_the_secrets_user_before_and_after_a_rotation(
    valkey: Redis, account: Account, services: Endpoints
) -> None:
    await let_in(valkey, account)
    async with redis_pool.connect(bare(services), secret=account.secret()) as redis:
        assert await redis.acl_whoami() == account.name
        await let_in(valkey, account)
        account.now += KEPT_S
        assert await redis.acl_whoami() == account.name


async def test_while_the_secret_can_not_be_read_redis_is_away(account: Account, services: Endpoints) -> None:
    missing = Secret(f"{account.arn}-gone")
    async with redis_pool.connect(bare(services), secret=missing) as redis:
        with pytest.raises(TemporarilyUnavailable, match="Redis is not available"):
            await RedisEvents(redis, event_message).check()


# What is logged and shown


async def attempt(call: Any) -> str:
    """What the caller of a failed call could show."""
    try:
        await call
    except Exception as error:
        return "".join(traceback.format_exception(error))
    return ""


async def test_no_password_is_logged_or_shown_at_any_level_whether_it_is_right_or_wrong(
    valkey: Redis, role: str, account: Account, services: Endpoints, caplog: pytest.LogCaptureFixture
) -> None:
    await let_in(valkey, account)
    with psycopg.connect(services.database_url, autocommit=True) as server:
        server.execute(f"ALTER ROLE {account.name} PASSWORD '{account.passwords[-1]}'".encode())
    shown = ""
    for _ in ("right", "wrong"):
        database = Database(role, secret=account.secret(), timeout=0.5)
        async with redis_pool.connect(bare(services), secret=account.secret()) as redis:
            with caplog.at_level(logging.DEBUG):
                shown += await attempt(user_of(database)) + await attempt(
                    RedisEvents(redis, event_message).check()
                )
                shown += await attempt(asyncio.to_thread(migrate, role, secret=account.secret()))
                await database.close()
        account.rotate()  # in the secret only
    assert "botocore.auth" in caplog.text
    assert "password authentication failed" in shown
    assert "Redis is not available" in shown
    assert not [word for word in account.passwords if word in shown + caplog.text]
