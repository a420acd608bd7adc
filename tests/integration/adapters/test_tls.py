"""The way to the servers, encrypted: whom we talk to is checked against the system's list of issuers.

SSL_CERT_FILE names that list, for libpq (`sslrootcert=system`) as for Python. The wheel's own OpenSSL looks
for it where no system has one, so a deployed function must name it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from chalicelib.adapters.postgres.database import Database
from chalicelib.adapters.redis import pool as redis_pool
from chalicelib.adapters.redis.events import RedisEvents
from chalicelib.api.wire.events import event_message
from chalicelib.domain.errors import TemporarilyUnavailable

from local.services import Endpoints
from tests.tls import HOST, certificate, tls_front

VERIFIED = "sslmode=verify-full&sslrootcert=system"
UNKNOWN_ISSUER, ANOTHER_ADDRESS = "unknown issuer", "another address"


@asynccontextmanager
async def postgres_over_tls(services: Endpoints, shown: Path) -> AsyncIterator[Database]:
    there = urlsplit(services.database_url)
    async with tls_front(there.port or 0, shown, postgres=True) as port:
        url = f"postgresql://{there.username}:{there.password}@{HOST}:{port}{there.path}?{VERIFIED}"
        database = Database(url, timeout=1)
        try:
            yield database
        finally:
            await database.close()


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A certificate that the system trusts, and no other."""
    trusted = certificate(tmp_path / "trusted.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    return trusted


@pytest.fixture(params=[UNKNOWN_ISSUER, ANOTHER_ADDRESS])
def refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trusted: Path, request: pytest.FixtureRequest
) -> Path:
    """A certificate that must not do."""
    if request.param == UNKNOWN_ISSUER:
        return certificate(tmp_path / "unknown.pem")
    other = certificate(tmp_path / "other.pem", "192.0.2.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    return other


async def test_postgres_is_reached_over_tls_where_the_system_trusts_its_certificate(
    services: Endpoints, trusted: Path
) -> None:
    async with postgres_over_tls(services, trusted) as database, database.connection() as connection:
        assert connection.pgconn.ssl_in_use
        await connection.execute("SELECT 1")


async def test_a_postgres_with_another_certificate_is_refused(
    services: Endpoints, refused: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with postgres_over_tls(services, refused) as database:
        with pytest.raises(TemporarilyUnavailable):
            await database.run("ping")
    assert "certificate verify failed" in caplog.text or 'does not match host name "127.0.0.1"' in caplog.text


async def test_redis_is_reached_over_tls_where_the_system_trusts_its_certificate(
    services: Endpoints, trusted: Path
) -> None:
    async with tls_front(urlsplit(services.redis_url).port or 0, trusted) as port:
        there = urlsplit(services.redis_url)
        login = f"{there.username or ''}:{there.password}@" if there.password else ""
        async with redis_pool.connect(f"rediss://{login}{HOST}:{port}/0") as redis:
            await RedisEvents(redis, event_message).check()


async def test_a_redis_with_another_certificate_is_refused(services: Endpoints, refused: Path) -> None:
    async with (
        tls_front(urlsplit(services.redis_url).port or 0, refused) as port,
        redis_pool.connect(f"rediss://{HOST}:{port}/0") as redis,
    ):
        with pytest.raises(TemporarilyUnavailable) as raised:
            await RedisEvents(redis, event_message).check()
    assert "CERTIFICATE_VERIFY_FAILED" in str(raised.value.__cause__)
