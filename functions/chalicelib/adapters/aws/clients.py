"""boto3 clients whose calls are soon over, and one error for whatever is wrong out there.

Who waits for a call has a client of the engine waiting.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config as BotoConfig
from botocore.exceptions import BotoCoreError, ClientError

from ...domain.errors import TemporarilyUnavailable


def connect(
    service: str,
    endpoint_url: str,
    *,
    connect_s: float = 1.0,
    read_s: float = 2.0,
    tries: int = 2,
    connections: int = 10,
) -> Any:
    """A client of AWS's `service`, or of what takes its place at `endpoint_url`.

    Each of a call's `tries` may take `connect_s` and `read_s` seconds; `connections` may be open at a time.
    """
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=endpoint_url or None,
        config=BotoConfig(
            connect_timeout=connect_s,
            read_timeout=read_s,
            max_pool_connections=connections,
            retries={"total_max_attempts": tries},
            proxies={} if endpoint_url.startswith("http://") else None,  # an emulator is behind none
        ),
    )


@contextmanager
def available(otherwise: str) -> Iterator[None]:
    """Raises TemporarilyUnavailable, with `otherwise` as its sentence, where a call to AWS within fails."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise TemporarilyUnavailable(otherwise) from error
