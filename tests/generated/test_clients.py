"""Clients that others' generators make of openapi.json: they compile, and an error is one class in them.

They are made where there is Node, and not in CI, since both generators are fetched for it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from local import FUNCTIONS
from local.environments import environment

DOCUMENT = FUNCTIONS / "chalicelib" / "openapi.json"
SOON = ("--fetch-retries=0", "--fetch-timeout=20000")  # where no registry is reached
NPM = ("openapi-typescript@7.13.0", "typescript@5.9.3")
IN_TYPESCRIPT = """
import type { components, paths } from "./api";

type Failure = components["schemas"]["Error"];
type Submit = paths["/api/orders/execute"]["post"]["responses"];

type NewOrder = components["schemas"]["NewOrder"];
export const order: NewOrder = { tokenIn: "SOL", tokenOut: "USDC", amount: "1.5", slippageBps: 100 };
export const wrong: Failure = {} as Submit[400]["content"]["application/json"];
export const late: Failure = {} as Submit[409]["content"]["application/json"];
export function shown(event: components["schemas"]["Event"]): string {
  switch (event.status) {
    case "confirmed": return event.txHash;
    case "failed": return event.code;
    default: return event.status;
  }
}
"""
IN_PYTHON = """
from order_execution_engine_client import AuthenticatedClient
from order_execution_engine_client.api.orders import execute_order
from order_execution_engine_client.models import Error, MarketOrder, Submitted

def submit(url: str, order: MarketOrder) -> str:
    answer = execute_order.sync(client=AuthenticatedClient(base_url=url, token="KEY"), body=order)
    if isinstance(answer, Submitted):
        return str(answer.order_id)
    return answer.code if isinstance(answer, Error) else ""
"""


@pytest.fixture(autouse=True)
def not_in_ci() -> None:
    if os.environ.get("CI"):
        pytest.skip("the generators of clients are not fetched in CI")


def run(*command: str | Path, cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_client_in_typescript_compiles_and_has_one_type_of_error(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("there is no npm; install Node 20 or newer")
    try:
        run(npm, "install", "--silent", *SOON, "--prefix", str(tmp_path), *NPM, cwd=tmp_path)
    except (AssertionError, subprocess.TimeoutExpired):
        pytest.skip("npm can't install the generators now; pip is all that this project needs to reach")
    programs = tmp_path / "node_modules" / ".bin"
    run(programs / "openapi-typescript", str(DOCUMENT), "--output", "api.d.ts", cwd=tmp_path)
    (tmp_path / "use.ts").write_text(IN_TYPESCRIPT)
    run(programs / "tsc", "--strict", "--noEmit", "use.ts", "api.d.ts", cwd=tmp_path)


def test_a_client_in_python_compiles_and_has_one_class_of_errors(tmp_path: Path) -> None:
    programs = environment("generated")
    client = tmp_path / "client"
    made = ("generate", "--path", str(DOCUMENT), "--meta", "none", "--output-path", str(client))
    run(programs / "openapi-python-client", *made, cwd=tmp_path)
    client.rename(tmp_path / "order_execution_engine_client")
    (tmp_path / "use.py").write_text(IN_PYTHON)
    run(programs / "mypy", "--strict", "use.py", "order_execution_engine_client", cwd=tmp_path)
    models = {path.name for path in (tmp_path / "order_execution_engine_client" / "models").iterdir()}
    assert "error.py" in models
    assert not {name for name in models if "response_4" in name or "response_5" in name}
