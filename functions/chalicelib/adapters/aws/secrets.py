"""Credentials from Secrets Manager, for new connections: read when one is made, kept for a minute.

A rotation so reaches every process by itself. What was read goes to the server alone: no message, no log
line and no `repr` holds it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ...domain.errors import TemporarilyUnavailable

KEPT_S = 60.0
TRUSTED_S = 5.0  # a server that is away refuses everybody: that is no reason to read again and again

BODIES = "botocore.parsers"  # logs each answer whole at DEBUG


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who connects."""

    username: str
    password: str = field(repr=False)


class Secret:
    """A secret that holds `{"username", "password"}`."""

    def __init__(
        self, arn: str, *, endpoint_url: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.arn = arn
        self._client = connect(endpoint_url)
        self._clock = clock
        self._reading = threading.Lock()
        self._read: tuple[float, Credentials] | None = None
        self._kept_s = KEPT_S

    def read(self) -> Credentials:
        """The credentials, a minute old at most. Raises TemporarilyUnavailable."""
        with self._reading:
            if (known := self._fresh()) is not None:
                return known
            credentials = self._ask()
            self._read, self._kept_s = (self._clock(), credentials), KEPT_S
            return credentials

    async def current(self) -> Credentials:
        """As `read`, without holding up the loop."""
        known = self._fresh()
        return await asyncio.to_thread(self.read) if known is None else known

    def distrust(self) -> None:
        """A server would not have them, perhaps since they were rotated: they are read again next time."""
        self._kept_s = TRUSTED_S

    def _fresh(self) -> Credentials | None:
        if self._read is None or self._clock() - self._read[0] >= self._kept_s:
            return None
        return self._read[1]

    def _ask(self) -> Credentials:
        from . import clients as aws  # which `connect` has imported

        with aws.available(f"The secret {self.arn} can't be read right now."):
            answer = self._client.get_secret_value(SecretId=self.arn)
        try:
            given = json.loads(answer["SecretString"])
            return Credentials(str(given["username"]), str(given["password"]))
        except (KeyError, TypeError, ValueError):  # not said further: the error would hold the secret
            raise TemporarilyUnavailable(
                f'The secret {self.arn} does not hold {{"username": …, "password": …}}.'
            ) from None


def connect(endpoint_url: str) -> Any:
    """A client of Secrets Manager that logs no secret."""
    from . import clients as aws  # only processes that have a secret pay for it

    logging.getLogger(BODIES).setLevel(logging.INFO)
    return aws.connect("secretsmanager", endpoint_url)
