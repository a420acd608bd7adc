"""`chalice package` on the project as it stands: what would be deployed, and whether all of it is there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

FUNCTIONS = Path(__file__).parents[2] / "functions"
HANDLERS = {
    "APIHandler": "app.app",
    "ProcessOrder": "app.process_order",
    "WebsocketConnect": "app.on_ws_connect",
    "WebsocketMessage": "app.on_ws_message",
    "WebsocketDisconnect": "app.on_ws_disconnect",
    "Relay": "app.relay",
    "KeepRelays": "app.keep_relays",
    "Sweep": "app.sweep",
    "Migrate": "app.migrate",
}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `chalice package` writes; it downloads what functions/requirements.txt names."""
    folder = tmp_path_factory.mktemp("package")
    project = folder / "functions"
    shutil.copytree(FUNCTIONS, project, ignore=shutil.ignore_patterns("__pycache__", "deployments"))
    done = subprocess.run(
        [Path(sys.executable).with_name("chalice"), "package", folder / "out"],
        cwd=project,
        env=os.environ | {"AWS_DEFAULT_REGION": "us-east-1", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return folder / "out"


@pytest.fixture(scope="module")
def resources(package: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((package / "sam.json").read_text())["Resources"]
    return found


@pytest.fixture(scope="module")
def entries(package: Path) -> set[str]:
    with zipfile.ZipFile(package / "deployment.zip") as archive:
        return set(archive.namelist())


def test_every_function_is_in_the_template_and_no_other(resources: dict[str, Any]) -> None:
    handlers = {
        name: resource["Properties"]["Handler"]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    assert handlers == HANDLERS


def test_ten_orders_are_processed_at_once_and_each_message_alone(resources: dict[str, Any]) -> None:
    [event] = resources["ProcessOrder"]["Properties"]["Events"].values()
    assert event["Type"] == "SQS"
    assert event["Properties"]["BatchSize"] == 1
    assert event["Properties"]["ScalingConfig"] == {"MaximumConcurrency": 10}
    assert event["Properties"]["Queue"]["Fn::Sub"].endswith(":orders")


def test_the_schedules_come_every_minute(resources: dict[str, Any]) -> None:
    for name in ("KeepRelays", "Sweep"):
        [event] = resources[name]["Properties"]["Events"].values()
        assert event["Properties"]["Schedule"] == "rate(1 minute)"


@pytest.mark.parametrize(
    ("function", "seconds"),
    [("APIHandler", 29), ("ProcessOrder", 30), ("WebsocketConnect", 15), ("Relay", 900), ("Sweep", 60)],
)
def test_the_settings_of_the_stage_reach_their_functions(
    resources: dict[str, Any], function: str, seconds: int
) -> None:
    assert resources[function]["Properties"]["Timeout"] == seconds


def test_every_route_is_in_the_api(resources: dict[str, Any]) -> None:
    paths = resources["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    routes = {(path, method.upper()) for path, methods in paths.items() for method in methods}
    assert routes >= {
        ("/", "GET"),
        ("/health", "GET"),
        ("/api/quote", "GET"),
        ("/api/orders", "GET"),
        ("/api/orders/{order_id}", "GET"),
        ("/api/orders/execute", "POST"),
    }


def test_our_own_code_its_sql_and_its_document_are_in_the_package_whole(entries: set[str]) -> None:
    ours = {
        str(path.relative_to(FUNCTIONS))
        for path in FUNCTIONS.rglob("*")
        if path.suffix in (".py", ".sql", ".json") and ".chalice" not in path.parts
    }
    assert {"chalicelib/sql/001_orders.sql", "chalicelib/sql/queries.sql"} <= ours
    assert ours <= entries


def test_what_the_functions_import_is_in_the_package_and_what_lambda_brings_is_not(entries: set[str]) -> None:
    roots = {entry.partition("/")[0] for entry in entries}
    assert roots >= {"chalice", "psycopg", "psycopg_binary", "psycopg_pool", "redis", "nacl", "base58"}
    assert not roots & {"boto3", "botocore", "tests", "local", ".env", ".local"}


def test_the_package_stays_far_below_lambdas_limit(package: Path) -> None:
    with zipfile.ZipFile(package / "deployment.zip") as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    assert unpacked < 100 * 2**20  # Lambda takes 250 MB
