"""A request that botocore has signed is taken, and the same one with anything changed is not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from chalicelib.adapters.aws.sigv4 import signed_headers

from local.signatures import AccessKey, NoSignature, NotSigned, UnknownKey, Verifier, WrongSignature

NOW = datetime(2026, 11, 26, 23, 59, 58, tzinfo=UTC)
KEY = AccessKey("LOCALEXAMPLE", "a secret of some length")


@dataclass(frozen=True)
class Request:
    method: str = "POST"
    target: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    more: list[tuple[str, str]] = field(default_factory=list)  # that the verifier sees and the signer has not


def signed(request: Request, key: AccessKey = KEY, service: str = "sqs") -> Request:
    aws = AWSRequest(
        request.method,
        f"http://127.0.0.1:9324{request.target}",
        headers=dict(request.headers),
        data=request.body,
    )
    SigV4Auth(Credentials(key.key_id, key.secret), service, "eu-central-1").add_auth(aws)
    return replace(request, headers=(("Host", "127.0.0.1:9324"), *aws.headers.items()))


def check(request: Request, *, at: datetime = NOW, key: AccessKey | None = KEY, service: str = "sqs") -> None:
    url = urlsplit(request.target)
    headers: Iterable[tuple[str, str]] = (*request.headers, *request.more)
    Verifier(key, service, lambda: at.timestamp()).check(
        request.method,
        url.path.encode(),
        url.query.encode(),
        [(name.lower().encode(), value.encode("latin-1")) for name, value in headers],
        request.body,
    )


@pytest.fixture(autouse=True)
def botocores_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: NOW)


SQS = Request(
    headers=(("X-Amz-Target", "AmazonSQS.SendMessage"), ("Content-Type", "application/x-amz-json-1.0")),
    body='{"MessageBody": "1 €"}'.encode(),
)


@pytest.mark.parametrize(
    "request_",
    [
        SQS,
        Request(),
        Request("DELETE", "/@connections/L0SM9cOFvHcCIhw%3D"),
        Request("GET", "/@connections/a%2Bb%2Fc%20d~e%3D"),
        Request("GET", "/?b=2&a=%20&b=1&empty="),
        Request(headers=(("X-Amz-Meta", " a   b "), ("User-Agent", "any"))),
    ],
)
def test_what_botocore_has_signed_is_accepted(request_: Request) -> None:
    check(signed(request_))


def test_what_our_own_signer_has_signed_is_accepted() -> None:
    headers = signed_headers(
        "POST",
        "/@connections/L0SM9cOFvHcCIhw%3D",
        {"host": "127.0.0.1:3000"},
        b"x",
        credentials=Credentials(KEY.key_id, KEY.secret).get_frozen_credentials(),
        service="execute-api",
        region="us-east-1",
        at=NOW.timestamp(),
    )
    given = Request("POST", "/@connections/L0SM9cOFvHcCIhw%3D", tuple(headers.items()), b"x")
    check(given, service="execute-api")


def without(request: Request, name: str) -> Request:
    return replace(request, headers=tuple(one for one in request.headers if one[0].lower() != name))


def with_header(request: Request, name: str, value: str) -> Request:
    return replace(
        without(request, name.lower()), headers=(*without(request, name.lower()).headers, (name, value))
    )


def resigned(request: Request, old: str, new: str) -> Request:
    [authorization] = [value for name, value in request.headers if name == "Authorization"]
    assert old in authorization
    return with_header(request, "Authorization", authorization.replace(old, new))


@pytest.mark.parametrize(
    "changed",
    [
        lambda request: replace(request, body=request.body + b" "),
        lambda request: replace(request, method="GET"),
        lambda request: replace(request, target="/?a=1"),
        lambda request: replace(request, target="/other"),
        lambda request: with_header(request, "Host", "127.0.0.1:3000"),
        lambda request: with_header(request, "X-Amz-Target", "AmazonSQS.PurgeQueue"),
        lambda request: with_header(request, "X-Amz-Date", "20261126T235959Z"),
        lambda request: with_header(request, "X-Amz-Date", "20261127T000000Z"),  # another day
        lambda request: with_header(request, "X-Amz-Date", "20261126T235999Z"),
        lambda request: with_header(request, "X-Amz-Date", "now"),
        lambda request: without(request, "x-amz-date"),
        lambda request: without(request, "host"),
        lambda request: replace(request, more=[("Host", "127.0.0.1:3000")]),  # the second of two
        lambda request: replace(request, more=[("X-Amz-Target", "AmazonSQS.PurgeQueue")]),
        lambda request: replace(request, more=[("X-Amz-Unsigned", "1")]),
        lambda request: replace(request, more=[("Authorization", "AWS4-HMAC-SHA256 x")]),
        lambda request: resigned(request, "host;", ""),
        lambda request: resigned(request, "x-amz-date;x-amz-target", "x-amz-date"),
        lambda request: resigned(request, "/eu-central-1/", "/us-east-1/"),
        lambda request: resigned(request, "/sqs/", "/execute-api/"),
        lambda request: resigned(request, "/aws4_request", "/aws4"),
        lambda request: resigned(request, "Signature=", "Signature=0"),
        lambda request: resigned(request, "Signature=", "Proof="),
        lambda request: with_header(request, "Authorization", "AWS4-HMAC-SHA256 x"),
    ],
)
def test_a_request_that_is_not_what_was_signed_is_refused(changed) -> None:
    request = signed(SQS)
    check(request)
    with pytest.raises(WrongSignature):
        check(changed(request))


@pytest.mark.parametrize("value", ["", "Bearer x", "Basic dGVzdDp0ZXN0", "aws4-hmac-sha256 x"])
def test_a_request_without_a_signature_is_refused(value: str) -> None:
    with pytest.raises(NoSignature):
        check(with_header(signed(SQS), "Authorization", value))
    with pytest.raises(NoSignature):
        check(SQS)


def test_another_key_another_secret_and_another_service_are_refused() -> None:
    with pytest.raises(UnknownKey):
        check(signed(SQS, AccessKey("test", KEY.secret)))
    with pytest.raises(UnknownKey):
        check(signed(SQS), key=None)
    with pytest.raises(WrongSignature):
        check(signed(SQS, AccessKey(KEY.key_id, "test")))
    with pytest.raises(WrongSignature):
        check(signed(SQS, service="s3"))


@pytest.mark.parametrize(("seconds", "accepted"), [(299, True), (-299, True), (301, False), (-301, False)])
def test_a_signature_holds_for_five_minutes(seconds: int, accepted: bool) -> None:
    request, at = signed(SQS), datetime.fromtimestamp(NOW.timestamp() + seconds, UTC)
    if accepted:
        check(request, at=at)
    else:
        with pytest.raises(NotSigned, match="expired"):
            check(request, at=at)


def test_a_key_goes_through_the_environment_and_is_not_shown() -> None:
    key = AccessKey.random()
    assert AccessKey.given(key.environment()) == key
    assert AccessKey.given(key.environment("CONNECTIONS_")) is None
    assert AccessKey.given({"AWS_ACCESS_KEY_ID": "one half"}) is None
    assert key.secret not in repr(key)
    assert AccessKey.random() != key
