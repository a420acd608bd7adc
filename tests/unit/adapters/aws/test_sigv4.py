"""Our own Signature Version 4 gives the same headers as botocore's."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from chalicelib.adapters.aws import sigv4
from chalicelib.adapters.aws.sigv4 import signed_headers

HOST = "abc.execute-api.eu-central-1.amazonaws.com"
NOW = datetime(2026, 11, 26, 23, 59, 58, tzinfo=UTC)
LATER = datetime(2026, 11, 27, 0, 0, 1, tzinfo=UTC)
LASTING = ReadOnlyCredentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None)
OF_A_SESSION = ReadOnlyCredentials("ASIAEXAMPLE", "another/secret+key", "a/session+token==")


def of_botocore(
    method: str, path: str, headers: Mapping[str, str], body: bytes, credentials: ReadOnlyCredentials
) -> dict[str, str]:
    request = AWSRequest(method, f"https://{HOST}{path}", headers=dict(headers), data=body)
    SigV4Auth(credentials, "execute-api", "eu-central-1").add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


def ours(
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    credentials: ReadOnlyCredentials,
    now: datetime = NOW,
) -> dict[str, str]:
    return signed_headers(
        method,
        path,
        {"host": HOST, **headers},
        body,
        credentials=credentials,
        service="execute-api",
        region="eu-central-1",
        at=now.timestamp(),
    )


@pytest.fixture(autouse=True)
def botocores_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: NOW)


@pytest.mark.parametrize("credentials", [LASTING, OF_A_SESSION], ids=["lasting", "of a session"])
@pytest.mark.parametrize(
    ("method", "path", "headers", "body"),
    [
        ("POST", "/api/@connections/L0SM9cOFvHcCIhw%3D", {}, '{"price": "1 €"}'.encode()),
        ("POST", "/api/@connections/a%2Bb%2Fc%20d~e%3D", {}, b"x"),
        ("DELETE", "/@connections/L0SM9cOFvHcCIhw%3D", {}, b""),
        ("POST", "/", {"x-amz-target": "AmazonSQS.ReceiveMessage", "content-type": "a  b ; c "}, b"{}"),
    ],
)
def test_a_request_is_signed_as_botocore_signs_it(
    method: str, path: str, headers: dict[str, str], body: bytes, credentials: ReadOnlyCredentials
) -> None:
    signed = ours(method, path, headers, body, credentials)
    assert signed.pop("host") == HOST
    assert signed == of_botocore(method, path, headers, body, credentials)


def test_the_signing_key_is_derived_once_a_day_for_each_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    derived: list[bytes] = []
    digest = hmac.digest

    def record(key: bytes, message: bytes, name: str) -> bytes:
        if key.startswith(b"AWS4"):
            derived.append(message)
        return digest(key, message, name)

    monkeypatch.setattr(hmac, "digest", record)
    sigv4._signing_key.cache_clear()
    for credentials, now in [(LASTING, NOW), (LASTING, NOW), (LASTING, LATER), (OF_A_SESSION, LATER)]:
        ours("POST", "/", {}, b"", credentials, now)
    assert derived == [b"20261126", b"20261127", b"20261127"]
