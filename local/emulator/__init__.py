"""An emulator of AWS on this machine: a deployed package runs in it as in the cloud.

`Ministack` is the process of the `ministack` wheel (CloudFormation, Lambda, SQS, S3, API Gateway, Secrets
Manager), of which a subclass chooses the services. `Emulator` runs it in a virtual environment of its own,
where the deployed functions run too: what they import must be in their package, or in Lambda's runtime.
`Cloud` is the emulator with a Postgres and a Valkey for those functions.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import boto3

from ..endpoints import local_credentials
from ..environments import REQUIREMENTS, environment
from ..servers import Folder, Postgres, Valkey
from ..servers.server import Server, health
from ..services import Line

PINNED = re.search(r"^ministack==(\S+)$", REQUIREMENTS["emulator"].read_text(), re.MULTILINE)


class Cloud:
    """The three servers: a context manager that runs them in `state`, or in a temporary folder."""

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
        """The parameters of the engine's stack; passwords are in secrets, as on AWS."""
        url, cache = urlsplit(self.postgres.url), urlsplit(self.valkey.url)
        environ = local_credentials(os.environ)
        client = boto3.client(
            "secretsmanager",
            endpoint_url=self.emulator.url,
            region_name=environ["AWS_DEFAULT_REGION"],
            aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
        )

        def kept(name: str, username: str | None, password: str | None) -> str:
            login = json.dumps({"username": username, "password": password})
            return str(client.create_secret(Name=f"order-engine-{name}", SecretString=login)["ARN"])

        return {
            "DatabaseUrl": f"postgresql://127.0.0.1:{url.port}{url.path}",
            "DatabaseSecretArn": kept("database", url.username, url.password),
            "DatabaseRoleSecretArn": kept("database-role", "engine", secrets.token_urlsafe(18)),
            "RedisUrl": self.valkey.address,
            "RedisSecretArn": kept("redis", "default", cache.password),
        }


class Ministack(Server):
    """The emulator on a port of the loopback."""

    stops = ((signal.SIGTERM, 10.0),)
    python = sys.executable  # of the environment in which it is installed
    program: Sequence[str] = ("-m", "ministack")  # what that runs
    settings: dict[str, str]  # what the subclass adds to its environment

    def __init__(self, folder: Path, *, temporary: bool = False, holds: Sequence[int] = ()) -> None:
        super().__init__(folder, temporary=temporary, holds=holds)
        self._mark = secrets.token_hex(8)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self, port: int) -> list[str]:
        return [self.python, "-P", *self.program]

    def options(self, port: int) -> dict[str, Any]:
        environ = {
            "PATH": os.environ.get("PATH", os.defpath),
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "TMPDIR": str(self.folder),
            "LOG_LEVEL": "WARNING",
            "IOT_MTLS_ENABLED": "0",  # or it listens on a fixed port as well
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": "unix:///nonexistent",  # or it tidies up containers at its start
            "MINISTACK_EDITION": self._mark,  # said by its health check: no stranger has it
        }
        return {"env": environ | self.settings}

    def is_ready(self, port: int, pid: int) -> bool:
        return health(port, "/_ministack/health").get("edition") == self._mark


class Emulator(Ministack):
    """Ready once it answers; empty at every start."""

    name = "AWS emulator"
    program = (str(Path(__file__).with_name("program.py")),)
    settings = {"LAMBDA_EXECUTOR": "local"}  # noqa: RUF012 - never changed

    def __init__(
        self, folder: Path, *, port: int | None = None, temporary: bool = False, holds: Sequence[int] = ()
    ) -> None:
        super().__init__(folder, temporary=temporary, holds=holds)
        self.port = port

    @property
    def version(self) -> str:
        assert PINNED
        return f"ministack {PINNED[1]}"

    def prepare(self) -> None:
        super().prepare()
        self.python = str(environment("emulator") / "python")
