"""AWS's Signature Version 4 from the other side: whether a request was signed with an access key of ours.

    Authorization → key, scope, signed headers → canonical request → its signature → the same as was given?

Servers on this machine that take AWS's place ask it: the gateway's `@connections` and the SQS. Any region is
accepted, and no signature in the address.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import calendar
import hmac
import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import ClassVar
from urllib.parse import quote

from chalicelib.adapters.aws.sigv4 import ALGORITHM, signature

# Between the signer's clock and ours, as AWS has it. A request that was captured on its way counts again for
# as long, which takes who may read what this machine sends itself. A second one is not refused: two like
# messages of one second are signed alike.
MOST_OFF_S = 300
AUTHORIZATION = re.compile(
    rf"{ALGORITHM} +Credential=(?P<key>[^/,\s]+)/(?P<date>\d{{8}})/(?P<region>[^/,\s]+)/(?P<service>[^/,\s]+)"
    r"/aws4_request,\s*SignedHeaders=(?P<names>[a-z0-9;_-]+),\s*Signature=(?P<signature>[0-9a-f]{64})",
    re.ASCII,
)
TIMESTAMP = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
CONNECTIONS = "CONNECTIONS_"  # begins the names of the variables with the key of @connections
ALWAYS_SIGNED = {"host", "x-amz-date"}

Headers = Iterable[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class AccessKey:
    """The two halves of an access key, as AWS names them."""

    key_id: str
    secret: str = field(repr=False)

    @classmethod
    def random(cls) -> AccessKey:
        """One that was never used."""
        return cls(f"LOCAL{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30))

    @classmethod
    def given(cls, environ: Mapping[str, str], prefix: str = "AWS_") -> AccessKey | None:
        """The one in the environment, if both halves are there."""
        halves = [environ.get(name, "").strip() for name in _names(prefix)]
        return cls(*halves) if all(halves) else None

    def environment(self, prefix: str = "AWS_") -> dict[str, str]:
        """The variables in which `given` finds it."""
        return dict(zip(_names(prefix), (self.key_id, self.secret), strict=True))


def _names(prefix: str) -> tuple[str, str]:
    return f"{prefix}ACCESS_KEY_ID", f"{prefix}SECRET_ACCESS_KEY"


class NotSigned(Exception):
    """A request is not signed as it must be; the message says why."""

    text: ClassVar[str]

    def __init__(self, message: str = "") -> None:
        super().__init__(message or self.text)


class NoSignature(NotSigned):
    """There is no signature."""

    text = "Missing Authentication Token"


class UnknownKey(NotSigned):
    """It is signed with a key that is not ours."""

    text = "The security token included in the request is invalid."


class WrongSignature(NotSigned):
    """The signature is of another request, of another secret or of another time."""

    text = (
        "The request signature we calculated does not match the signature you provided. Check your AWS "
        "Secret Access Key and signing method."
    )


class Verifier:
    """Checks requests to `service` that must be signed with `key`; without a key it refuses each of them.

    A signature counts for `most_off_s` seconds.
    """

    def __init__(
        self,
        key: AccessKey | None,
        service: str,
        clock: Callable[[], float] = time.time,
        *,
        most_off_s: float = MOST_OFF_S,
    ) -> None:
        self._key = key
        self._service = service
        self._clock = clock
        self._most_off_s = most_off_s

    def check(self, method: str, path: bytes, query: bytes, headers: Headers, body: bytes) -> None:
        """Raises NotSigned. `path` and `query` are as they came, names of `headers` in lower case."""
        given: dict[str, str] = {}
        for raw_name, raw_value in headers:
            name, value = raw_name.decode("latin-1"), " ".join(raw_value.decode("latin-1").split())
            given[name] = f"{given[name]},{value}" if name in given else value
        authorization = given.get("authorization", "")
        if not authorization.startswith(f"{ALGORITHM} "):
            raise NoSignature
        found = AUTHORIZATION.fullmatch(authorization)
        if found is None:
            raise WrongSignature("The Authorization header is not as Signature Version 4 has it.")
        if self._key is None or not hmac.compare_digest(found["key"].encode(), self._key.key_id.encode()):
            raise UnknownKey
        if found["service"] != self._service:
            raise WrongSignature(f"Credential should be scoped to correct service: '{self._service}'.")
        timestamp = given.get("x-amz-date", "")
        self._check_time(timestamp, found["date"])
        names = found["names"].split(";")
        _check_names(names, given)
        canonical_request = "\n".join(
            (
                method,
                quote(path, safe="/~") or "/",  # encoded once more, as every service but S3 wants it
                _canonical_query(query),
                *(f"{name}:{given[name]}" for name in names),
                "",
                found["names"],
                sha256(body).hexdigest(),
            )
        )
        expected = signature(
            canonical_request,
            self._key.secret,
            timestamp=timestamp,
            region=found["region"],
            service=self._service,
        )
        if not hmac.compare_digest(expected, found["signature"]):
            raise WrongSignature

    def _check_time(self, timestamp: str, date: str) -> None:
        if not TIMESTAMP.fullmatch(timestamp) or not timestamp.startswith(date):
            raise WrongSignature("X-Amz-Date is missing, no time, or of another day than the credential.")
        if abs(self._clock() - _unix_s(timestamp)) > self._most_off_s:
            raise WrongSignature(f"Signature expired, or not yet current: {timestamp} is not now.")


@lru_cache(maxsize=16)  # the requests of a second share it
def _unix_s(timestamp: str) -> int:
    try:
        return calendar.timegm(time.strptime(timestamp, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        raise WrongSignature("X-Amz-Date is no time.") from None


def _check_names(names: list[str], given: Mapping[str, str]) -> None:
    """What the request asks for must be under the signature: its host, and each header of AWS's own."""
    needed = ALWAYS_SIGNED | {name for name in given if name.startswith("x-amz-")}
    if not needed <= set(names) <= given.keys() or names != sorted(set(names)):
        raise WrongSignature(
            f"'{min(needed)}' and each X-Amz header must be a signed header, once and sorted."
        )


def _canonical_query(query: bytes) -> str:
    """Sorted as it came: signers encode it before they sign."""
    pairs = (part.partition("=") for part in query.decode("latin-1").split("&") if part)
    return "&".join(f"{name}={value}" for name, _, value in sorted(pairs))
