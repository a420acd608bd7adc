"""The package: its functions and files, the same on every machine, cached by its sources."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

import infra.package as packaging
from infra.errors import PackageError
from infra.package import FUNCTIONS, LOCK, ROOT, Package, build, content_hash
from tests.infra.resolved import Resolved

FUNCTION_NAMES = {
    "APIHandler": ("app.app", "stack-api"),
    "ProcessOrder": ("app.process_order", "stack-process"),
    "WebsocketConnect": ("app.on_ws_connect", "stack-connect"),
    "WebsocketMessage": ("app.on_ws_message", "stack-message"),
    "WebsocketDisconnect": ("app.on_ws_disconnect", "stack-disconnect"),
    "Relay": ("app.relay", "stack-relay"),
    "KeepRelays": ("app.keep_relays", "stack-keep-relays"),
    "FireOrders": ("app.fire_orders", "stack-fire-orders"),
    "Sweep": ("app.sweep", "stack-sweep"),
    "Migrate": ("app.migrate", "stack-migrate"),
    "Admin": ("app.admin", "stack-admin"),
}
APP = """
from chalice import Chalice
app = Chalice(app_name="x")
@app.lambda_function()
def relay(event, context):
    pass
"""
IS_ARM = """
from pip._vendor.packaging.tags import platform_tags
assert all("aarch64" in tag for tag in platform_tags())
"""


@pytest.fixture(scope="module")
def functions(engine: Resolved) -> dict[str, dict[str, Any]]:
    return engine.of_type("Serverless::Function")


@pytest.fixture
def small_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one function in the place of functions/, with its worlds' lists of requirements."""
    project = tmp_path / "project"
    (project / ".chalice").mkdir(parents=True)
    (project / ".chalice" / "config.json").write_text(
        '{"version": "2.0", "app_name": "x", "stages": {"dev": {}}}'
    )
    (project / "app.py").write_text(APP)
    for lock in packaging.LOCKS_OF_WORLDS.values():
        shutil.copy(FUNCTIONS / lock, project)
    monkeypatch.setattr(packaging, "FUNCTIONS", project)
    monkeypatch.setattr(packaging, "CACHE", tmp_path / "cache")
    return project


@pytest.fixture(scope="module")
def entries(package: Package) -> set[str]:
    with zipfile.ZipFile(package.zip) as archive:
        return set(archive.namelist())


def test_every_function_is_in_the_template_and_no_other(functions: dict[str, dict[str, Any]]) -> None:
    found = {name: (item["Handler"], item["FunctionName"]) for name, item in functions.items()}
    assert found == FUNCTION_NAMES


def test_every_resource_that_the_template_adds_to_is_one_of_chalices(merged: dict[str, Any]) -> None:
    """A resource without a type has another name than Chalice's, so it would add to nothing."""
    assert all("Type" in resource for resource in merged["Resources"].values())


def test_the_merge_leaves_one_intrinsic_where_chalice_wrote_one(merged: dict[str, Any]) -> None:
    """The merge is deep: `Fn::GetAtt` merged over `Fn::Sub` leaves both, which is neither."""

    def check(value: Any) -> None:
        if isinstance(value, dict):
            intrinsics = [key for key in value if key == "Ref" or key.startswith("Fn::")]
            assert not intrinsics or len(value) == 1, value
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            check(item)

    check(merged)


def test_ten_orders_are_processed_at_once_in_batches_of_one(
    functions: dict[str, dict[str, Any]],
) -> None:
    [event] = functions["ProcessOrder"]["Events"].values()
    assert event["Type"] == "SQS"
    assert event["Properties"] == {
        "Queue": "OrdersQueue.Arn",
        "BatchSize": 1,
        "MaximumBatchingWindowInSeconds": 0,
        "ScalingConfig": {"MaximumConcurrency": 10},
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }


def test_the_schedules_run_every_minute(functions: dict[str, dict[str, Any]]) -> None:
    for name in ("KeepRelays", "FireOrders", "Sweep"):
        [event] = functions[name]["Events"].values()
        assert event["Properties"]["Schedule"] == "rate(1 minute)"


@pytest.mark.parametrize(
    ("function", "seconds"),
    [
        ("APIHandler", 29),  # the longest that API Gateway waits
        ("ProcessOrder", 30),
        ("WebsocketConnect", 15),
        ("Relay", 900),
        ("FireOrders", 75),  # the longest TriggerSeconds, and a last pass with slow servers
        ("Sweep", 60),
        ("Migrate", 300),
        ("Admin", 30),
    ],
)
def test_each_function_has_the_timeout_of_its_settings(
    functions: dict[str, dict[str, Any]], function: str, seconds: int
) -> None:
    assert functions[function]["Timeout"] == seconds


def test_the_settings_name_every_function_and_no_other(merged: dict[str, Any]) -> None:
    config = json.loads((FUNCTIONS / ".chalice" / "config.json").read_text())
    [stage] = config["stages"].values()
    written = {name.replace("_", "") for name in stage["lambda_functions"]}
    assert written == {name.lower() for name in FUNCTION_NAMES}


def test_every_route_is_in_the_api(merged: dict[str, Any]) -> None:
    paths = merged["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    routes = {(path, method.upper()) for path, methods in paths.items() for method in methods}
    assert routes >= {
        ("/", "GET"),
        ("/health", "GET"),
        ("/openapi.json", "GET"),
        ("/asyncapi.json", "GET"),
        ("/docs", "GET"),
        ("/api/prices", "GET"),
        ("/api/engine", "GET"),
        ("/api/dead-letters", "GET"),
        ("/api/dead-letters/redrive", "POST"),
        ("/page/{name}", "GET"),
        ("/page/vendor/{name}", "GET"),
        ("/api/quote", "GET"),
        ("/api/orders", "GET"),
        ("/api/orders", "DELETE"),
        ("/api/orders/{order_id}", "GET"),
        ("/api/orders/{order_id}", "DELETE"),
        ("/api/orders/execute", "POST"),
        ("/api/orders/batch", "POST"),
        ("/api/tokens", "GET"),
        ("/api/tickets", "POST"),
    }


def test_all_of_our_code_and_sql_is_in_the_package(entries: set[str]) -> None:
    ours = {
        str(path.relative_to(FUNCTIONS))
        for path in FUNCTIONS.rglob("*")
        if path.suffix in (".py", ".sql", ".json", ".html", ".css", ".js", ".svg")
        and ".chalice" not in path.parts
    }
    assert {"chalicelib/sql/queries.sql", "chalicelib/simulation/sql/queries.sql"} <= ours
    assert {"chalicelib/page/index.html", "chalicelib/page/vendor/uPlot.esm.js"} <= ours
    assert ours <= entries


def test_the_package_has_what_the_functions_import_except_what_lambda_provides(entries: set[str]) -> None:
    roots = {Path(entry).parts[0] for entry in entries}
    assert roots >= {"chalice", "psycopg", "psycopg_binary", "psycopg_pool", "redis", "nacl", "base58"}
    assert not roots & {"boto3", "botocore", "tests", "local", "infra", ".env", ".local", "README.md"}


def test_the_package_stays_far_below_lambdas_limit(package: Package) -> None:
    assert package.unpacked < 100 * 2**20  # Lambda takes 250 MB


def test_only_the_package_of_a_stage_on_solana_has_the_library_that_signs(
    entries: set[str], small_project: Path, tmp_path: Path
) -> None:
    (small_project / LOCK).write_text("")
    package = build(tmp_path / "out", merge=None, world="solana")
    with zipfile.ZipFile(package.zip) as archive:
        assert "solders/solders.abi3.so" in archive.namelist()
    listed = {one["name"]: one["version"] for one in json.loads(package.sbom.read_text())["components"]}
    assert listed.items() >= pins("solana.txt").items() >= {("solders", "0.29.0")}
    assert not [name for name in entries if name.startswith("solders")]


# --- Other build machines, the cache, and errors ---


def test_a_builder_of_another_processor_makes_the_same_package_to_the_byte(
    package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_PYTHON_HOST_PLATFORM", "linux-aarch64")  # whose wheels pip then prefers
    subprocess.run([sys.executable, "-c", IS_ARM], check=True)
    monkeypatch.setattr(packaging, "CACHE", tmp_path / "cache")
    assert content_hash(build(tmp_path / "package").zip) == content_hash(package.zip)


def test_a_package_is_reused_for_the_same_source_and_rebuilt_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, built = tmp_path / "app.py", tmp_path / "built"
    source.write_text("1")
    built.mkdir()
    (built / "deployment.zip").write_text("of 1")
    monkeypatch.setattr(packaging, "CACHE", tmp_path / "cache")
    name = packaging.cache_key([source])
    assert not packaging.load_cached(name, tmp_path / "one")
    packaging.save_cached(name, built)
    assert packaging.load_cached(packaging.cache_key([source]), tmp_path / "two")
    assert (tmp_path / "two" / "deployment.zip").read_text() == "of 1"
    source.write_text("2")
    assert not packaging.load_cached(packaging.cache_key([source]), tmp_path / "three")


def test_only_the_newest_packages_stay_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaging, "CACHE", tmp_path / "cache")
    (tmp_path / "built").mkdir()
    for number in range(packaging.MAX_CACHED + 2):
        packaging.save_cached(f"package-{number}", tmp_path / "built")
    assert len([*packaging.CACHE.iterdir()]) == packaging.MAX_CACHED
    assert (packaging.CACHE / f"package-{packaging.MAX_CACHED + 1}").exists()


def test_building_leaves_the_project_as_it_was(package: Package) -> None:
    """`package` has been built by now."""
    status = ["git", "status", "--porcelain", "--ignored", "functions/.chalice"]
    done = subprocess.run(status, cwd=packaging.ROOT, capture_output=True, text=True)
    assert done.returncode or not done.stdout  # outside of git there is nothing to compare with


@pytest.mark.parametrize(
    ("requirement", "reason"),
    [
        (
            f"psycopg==0.0.0.404 --hash=sha256:{'0' * 64}",
            r"no wheel for Lambda [\s\S]*psycopg==0\.0\.0\.404\nPin",
        ),
        (f"base58==2.1.1 --hash=sha256:{'0' * 64}", r"other files than [\s\S]*base58==2\.1\.1"),
        ("base58==2.1.1", "[Hh]ashes are required"),
    ],
)
def test_a_requirement_that_is_missing_or_has_another_hash_or_none_is_named_in_the_error(
    small_project: Path, tmp_path: Path, requirement: str, reason: str
) -> None:
    (small_project / LOCK).write_text(f"{requirement}\n")
    with pytest.raises(PackageError, match=reason):
        build(tmp_path / "out", merge=None)


def pins(name: str) -> dict[str, str]:
    """The versions that a list of requirements names, by package."""
    found = re.findall(r"^([\w-]+)(?:\[\w+\])?==([\w.]+)", (FUNCTIONS / name).read_text(), re.MULTILINE)
    return {package.lower(): version for package, version in found}


def test_the_lock_has_the_versions_of_the_requirements_and_a_hash_for_each() -> None:
    assert pins("requirements.txt").items() <= pins("requirements.lock").items()
    for name in ("requirements.lock", "solana.txt"):
        lines = (FUNCTIONS / name).read_text().replace("\\\n", "").splitlines()
        assert all("--hash=sha256:" in line for line in lines if not line.lstrip().startswith("#"))


def test_a_package_on_solana_and_the_node_of_this_machine_have_the_same_library() -> None:
    lines = (ROOT / "local" / "servers" / "solana" / "requirements.txt").read_text().splitlines()
    [solders] = [line for line in lines if line.startswith("solders==")]
    assert solders == f"solders=={pins('solana.txt')['solders']}"


# --- What is in it ---


def test_the_bill_of_materials_lists_everything_in_the_package_with_its_licence(package: Package) -> None:
    found = json.loads(package.sbom.read_text())
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    [hash] = found["metadata"]["component"]["hashes"]
    assert hash == {"alg": "SHA-256", "content": content_hash(package.zip)}
    listed = {component["name"]: component["version"] for component in found["components"]}
    assert pins("requirements.txt").items() <= listed.items()
    assert listed.items() - pins("requirements.lock").items() == {("chalice", version("chalice"))}
    for component in found["components"]:
        assert component["purl"] == f"pkg:pypi/{component['name']}@{component['version']}"
        assert component["licenses"], component["name"]
