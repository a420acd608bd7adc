"""What each function imports while it starts, and how long that takes: `python -m tests.infra.cold_start`.

Each figure is the median of fresh processes, in ms of CPU time, which is what a start consists of. `start` is
all that Lambda does before the first call: `import app`, with every part that the function uses, ready to be
called (botocore's clients among them). `alone` is the import of the packages that the function can't do
without, and of nothing of ours. `no bytecode` is the same start without `.pyc` files: why the package has
them.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from infra.package import MEGABYTE, build

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = ROOT / "functions"
PROCESS = Path(__file__).with_name("cold_start_process.py")

POSTGRES, REDIS, AWS = ("psycopg", "psycopg_pool"), ("redis",), ("botocore",)
QUOTES, SIGNATURES = ("meteora_dlmm", "base58"), ("nacl",)
NEEDS: dict[str, tuple[str, ...]] = {  # function → the packages it can't do without, beside Chalice
    "app": (*POSTGRES, *REDIS, *AWS, *QUOTES),
    "process_order": (*POSTGRES, *REDIS, *AWS, *QUOTES, *SIGNATURES),
    "on_ws_connect": (*POSTGRES, *REDIS, *AWS),
    "on_ws_message": (*POSTGRES, *REDIS, *AWS),
    "on_ws_disconnect": (*REDIS, *AWS),  # AWS for the secret
    "relay": (*POSTGRES, *REDIS, *AWS),
    "keep_relays": (*REDIS, *AWS),
    "fire_orders": (*POSTGRES, *REDIS, *AWS, *QUOTES),
    "sweep": (*POSTGRES, *AWS),
    "migrate": (*POSTGRES, *AWS),
    "admin": (*POSTGRES, *AWS),
}
PACKAGES = {package for needed in NEEDS.values() for package in needed}
IMPORTS = {  # what of a package is used, if not all
    "botocore": "botocore.session",
    "nacl": "nacl.signing",
    "redis": "redis.asyncio",
}

ALONE = """
import sys, time
began = time.process_time()
for name in sys.argv[1:]:
    __import__(name)
print((time.process_time() - began) * 1000)
"""

NOWHERE = {  # a deployed function's environment; a start sends no request
    "DATABASE_URL": "postgresql://127.0.0.1:1/orders",
    "DATABASE_SECRET": "arn:aws:secretsmanager:us-east-1:000000000000:secret:database",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "REDIS_SECRET": "arn:aws:secretsmanager:us-east-1:000000000000:secret:redis",
    "ORDERS_QUEUE_URL": "http://127.0.0.1:1/000000000000/orders",
    "ORDERS_DLQ_URL": "http://127.0.0.1:1/000000000000/orders-dlq",
    "ENGINE_AUTH": "keys",
    "KEY_PEPPER_SECRET": "arn:aws:secretsmanager:us-east-1:000000000000:secret:pepper",
    "ADMIN_KEY_SECRET": "arn:aws:secretsmanager:us-east-1:000000000000:secret:admin-key",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "WEBSOCKET_ENDPOINT": "http://127.0.0.1:1/api",
    "RELAY_FUNCTION": "relay",
    "TRIGGER_FUNCTION": "fire-orders",
    "METRICS_NAMESPACE": "order-engine-test",
    "AWS_LAMBDA_FUNCTION_NAME": "order-engine-test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}


@dataclass(frozen=True)
class Start:
    """A function's start, and its calls."""

    ms: float
    imported: Sequence[str]
    late: Sequence[str]
    answers: Sequence[Any]
    out: Sequence[str]
    log: Sequence[str]

    @property
    def packages(self) -> set[str]:
        """Which of `PACKAGES` the start imported."""
        return roots(self.imported) & PACKAGES

    @property
    def late_packages(self) -> set[str]:
        """The packages, without Python's own, of which a call imported something that the start had not."""
        return roots(self.late) - sys.stdlib_module_names


def start(
    function: str,
    events: Sequence[Mapping[str, Any]] = (),
    environ: Mapping[str, str] = NOWHERE,
    options: Sequence[str] = (),
) -> Start:
    """Start the function in a process of its own, and call it for each event."""
    done = subprocess.run(
        [sys.executable, *options, PROCESS, function],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(FUNCTIONS), **NOWHERE, **environ},
        input="".join(f"{json.dumps(event)}\n" for event in events),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    *out, found = done.stdout.splitlines()
    return Start(**json.loads(found), out=out, log=done.stderr.splitlines())


def roots(modules: Sequence[str]) -> set[str]:
    """The packages that these modules are of."""
    return {name.partition(".")[0] for name in modules}


def alone_ms(packages: Sequence[str]) -> float:
    """The duration of importing Chalice and these, in a process of their own."""
    names = ["chalice.app", *(IMPORTS.get(package, package) for package in packages)]
    done = subprocess.run(
        [sys.executable, "-c", ALONE, *names], capture_output=True, text=True, timeout=60, check=True
    )
    return float(done.stdout)


@click.command()
@click.option("--times", default=5, show_default=True, help="Processes for each figure.")
@click.option("--package", is_flag=True, help="Build the package and print its size, too.")
def main(times: int, package: bool) -> None:
    """Print what each function's start takes."""
    print("| function | start | alone | ratio | no bytecode | modules |")
    print("|---|--:|--:|--:|--:|--:|")
    for function, needed in NEEDS.items():
        starts = [start(function) for _ in range(times)]
        took = statistics.median(found.ms for found in starts)
        alone = statistics.median(alone_ms(needed) for _ in range(times))
        bare = bare_ms(function)
        modules = len(starts[0].imported)
        print(f"| {function} | {took:.0f} | {alone:.0f} | {took / alone:.2f} | {bare:.0f} | {modules} |")
    if package:
        print(f"\n{size()}")


def bare_ms(function: str) -> float:
    """The duration of a start that has to compile all that it imports."""
    with tempfile.TemporaryDirectory() as nothing:
        return start(function, options=["-B", "-X", f"pycache_prefix={nothing}"]).ms


def size() -> str:
    """The size of the package that all functions share."""
    with tempfile.TemporaryDirectory() as folder:
        package = build(Path(folder))
    packed, unpacked = package.size / MEGABYTE, package.unpacked / MEGABYTE
    return f"The package: {packed:.1f} MB, unpacked {unpacked:.1f} MB."


if __name__ == "__main__":
    main()
