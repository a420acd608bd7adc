"""The first API key in Secrets Manager keeps the promises of its fake, and is never logged."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from chalicelib.adapters.aws.kept_key import SecretKeptKey
from chalicelib.domain.errors import TemporarilyUnavailable
from chalicelib.ports.kept_key import KeptKey
from moto import mock_aws

from tests.fakes import MemoryKeptKey

KEY, NEXT = "oek_000000000000_first", "oek_000000000001_second"


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        yield boto3.client("secretsmanager")


@pytest.fixture
def arn(manager: Any) -> str:
    """A secret without a value, as CloudFormation makes it."""
    return str(manager.create_secret(Name="admin-key")["ARN"])


@pytest.fixture(params=["memory", "secret"])
def kept(request: pytest.FixtureRequest, arn: str) -> KeptKey:
    return MemoryKeptKey() if request.param == "memory" else SecretKeptKey(arn)


async def test_what_was_written_last_is_read(kept: KeptKey) -> None:
    assert await kept.read() is None
    for text in (KEY, NEXT):
        await kept.write(text)
        assert await kept.read() == text


async def test_the_secret_is_the_key_and_nothing_else(manager: Any, arn: str) -> None:
    await SecretKeptKey(arn).write(KEY)
    assert manager.get_secret_value(SecretId=arn)["SecretString"] == KEY


async def test_a_secret_that_there_is_not_can_not_be_written(manager: Any) -> None:
    missing = SecretKeptKey("arn:aws:secretsmanager:eu-west-1:123456789012:secret:missing")
    assert await missing.read() is None
    with pytest.raises(TemporarilyUnavailable, match="can't be written"):
        await missing.write(KEY)


async def test_the_key_is_logged_at_no_level(arn: str, caplog: pytest.LogCaptureFixture) -> None:
    kept = SecretKeptKey(arn)
    with caplog.at_level(logging.DEBUG):
        await kept.write(KEY)
        assert await kept.read() == KEY
    assert "botocore" in caplog.text
    assert KEY not in caplog.text
