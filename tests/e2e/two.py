"""The tests of this folder against two engines behind a proxy, as `docker compose --profile two` runs them.

    .venv/bin/python -P -m tests.e2e.two [ARGUMENTS OF PYTEST]

No container is needed, only nginx (`apt-get install nginx-light`): it reads the configuration that compose
gives it, with other addresses and nothing else replaced, and the engines get the settings of compose.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from local import ROOT
from local.endpoints import local_credentials
from local.services import Services
from tests.e2e.engine import SETTINGS, LocalEngine, free_port

HERE = Path(__file__).parent
NAMES = ("engine-a", "engine-b")
SERVERS = ("DATABASE_URL", "REDIS_URL", "AWS_ENDPOINT_URL")  # all that compose says of them
NGINX = (ROOT / "local" / "container" / "nginx.conf").read_text()
OWN_ENGINES = ("readme", "readme_commands", "restart", "update")  # files that start what they need


def main(arguments: list[str]) -> int:
    """Run pytest against the proxy; its exit code, or 1 if an engine has not ended as it should."""
    with Services(None, environ=local_credentials({}), durable=False) as services, ExitStack() as stack:
        servers = services.endpoints.environment()
        environ = {**SETTINGS, **{name: servers[name] for name in SERVERS}, "TRUSTED_PROXIES": "127.0.0.0/8"}
        engines = [stack.enter_context(LocalEngine(environ)) for _ in NAMES]
        for engine in engines:
            engine.start()
        with proxy([engine.port for engine in engines]) as address:
            given = {
                "ENGINE_HTTP_URL": f"http://{address}",
                "ENGINE_WS_URL": f"ws://{address}/api/orders/execute",
                "ENGINE_PROXIED": str(len(engines)),
            }
            code = subprocess.run(
                [sys.executable, "-P", "-m", "pytest", *(arguments or files())],
                cwd=ROOT,
                env={**os.environ, **servers, **given, "PYTHONPATH": f"{ROOT}:{ROOT / 'functions'}"},
            ).returncode
        ends = [engine.stop() for engine in engines]
        for name, engine, end in zip(NAMES, engines, ends, strict=True):
            if end or "Traceback" in engine.log or " ERROR " in engine.log:
                print(f"{name} ended with {end}:\n{engine.log}", file=sys.stderr)
                code = code or 1
    return code


@contextmanager
def proxy(ports: list[int]) -> Iterator[str]:
    """The proxy of compose in front of engines at these ports; its address."""
    address = f"127.0.0.1:{free_port()}"
    replaced = {"listen 3000;": f"listen {address};"}
    replaced |= {f"{name}:3000": f"127.0.0.1:{port}" for name, port in zip(NAMES, ports, strict=True)}
    configuration = NGINX
    for old, new in replaced.items():
        assert old in configuration
        configuration = configuration.replace(old, new)
    with tempfile.TemporaryDirectory(prefix="order-engine-proxy-") as folder:
        path = Path(folder, "nginx.conf")
        path.write_text(f"pid {folder}/pid;\nerror_log {folder}/error.log;\n{configuration}")
        with subprocess.Popen(["nginx", "-p", folder, "-c", path, "-g", "daemon off;"]) as nginx:
            try:
                yield address
            finally:
                nginx.terminate()


def files() -> list[str]:
    """The tests that take the engine they are given."""
    own = {HERE / f"test_{name}.py" for name in OWN_ENGINES}
    return [str(path) for path in sorted(HERE.glob("test_*.py")) if path not in own]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
