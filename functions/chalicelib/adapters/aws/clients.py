"""botocore clients whose calls are soon over, and one error for whatever is wrong out there.

Who waits for a call has a client of the engine waiting. botocore, and not boto3 above it, whose import takes
half as long again: it brings the transfers of S3, and Python's multiprocessing with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import botocore.session
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
    return _session().create_client(
        service,
        endpoint_url=endpoint_url or None,
        config=BotoConfig(
            connect_timeout=connect_s,
            read_timeout=read_s,
            max_pool_connections=connections,
            retries={"total_max_attempts": tries},
            proxies={} if endpoint_url.startswith("http://") else None,  # an emulator is behind none
        ),
    )


@cache
def _session() -> botocore.session.Session:
    """One for all clients: it holds what botocore has read of its data files."""
    return botocore.session.Session()


@contextmanager
def available(otherwise: str) -> Iterator[None]:
    """Raises TemporarilyUnavailable, with `otherwise` as its sentence, where a call to AWS within fails."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise TemporarilyUnavailable(otherwise) from error
