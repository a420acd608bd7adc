"""AWS on this machine, as far as the engine needs it: a deployed package runs in it as in the cloud.

`ministack.py` is the emulator; `Cloud` is the emulator with a Postgres and a Valkey for the functions that
are deployed into it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

import boto3

from ..endpoints import local_credentials
from ..servers import Folder, Postgres, Valkey
from ..services import Line
from .ministack import Emulator


class Cloud:
    """As a context manager it runs all three in `state`, or in a temporary folder, and stops them."""

    def __init__(
        self,
        state: Path | None = None,
        *,
        port: int | None = None,
        on_progress: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._folder = Folder(state)
        part, temporary, holds = self._folder.part, self._folder.temporary, self._folder.holds
        self.postgres = Postgres(part("postgres"), durable=False, temporary=temporary, holds=holds)
        self.valkey = Valkey(part("valkey"), temporary=temporary, holds=holds)
        self.emulator = Emulator(part("emulator"), port=port, temporary=temporary, holds=holds)
        self._on_progress = on_progress
        self.parameters: dict[str, str] = {}

    @property
    def deployment(self) -> list[str]:
        """The arguments of `./infra/deploy` that bring the engine here."""
        chosen = [f"--set={name}={value}" for name, value in self.parameters.items()]
        return ["local", "--endpoint-url", self.emulator.url, *chosen]

    def __enter__(self) -> Cloud:
        servers = (self.postgres, self.valkey, self.emulator)
        try:
            with ThreadPoolExecutor(len(servers)) as threads:
                for server, _ in zip(
                    servers, threads.map(lambda server: server.start(), servers), strict=True
                ):
                    self._on_progress(
                        str(Line(server.name, server.version, server.how, server.address, None))
                    )
            self.parameters = self._parameters()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop all three: the emulator first, and with it the functions, which use the others."""
        for server in (self.emulator, self.valkey, self.postgres):
            server.stop()
        self._folder.close()

    def _parameters(self) -> dict[str, str]:
        """The parameters of the engine's stack; the database's password is in a secret, as on AWS."""
        url = urlsplit(self.postgres.url)
        environ = local_credentials(os.environ)
        client = boto3.client(
            "secretsmanager",
            endpoint_url=self.emulator.url,
            region_name=environ["AWS_DEFAULT_REGION"],
            aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
        )
        credentials = {"username": url.username, "password": url.password}
        secret = client.create_secret(Name="order-engine-database", SecretString=json.dumps(credentials))
        return {
            "DatabaseUrl": f"postgresql://127.0.0.1:{url.port}{url.path}",
            "DatabaseSecretArn": secret["ARN"],
            "RedisUrl": self.valkey.url,
        }
