"""functions/ → `chalice package`, merged with templates/engine.yaml → template.json and deployment.zip.

Chalice asks pip for wheels of Lambda's platform on every machine, writes caches into the project, and exits
with 0 even where a wheel is missing. So it works on a copy, and its result is checked (archive.py). A package
built earlier from the same sources is reused from `.local/packages/`.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from .archive import check_runnable, rewrite, unpacked_size
from .errors import PackageError

ROOT = Path(__file__).resolve().parent.parent
FUNCTIONS = ROOT / "functions"
TEMPLATES = ROOT / "infra" / "templates"
ENGINE = TEMPLATES / "engine.yaml"

CACHE = ROOT / ".local" / "packages"  # any entry may be deleted at any time
MAX_CACHED = 5

MEGABYTE = 1_000_000

CHALICE = "import sys; from chalice.cli import main; sys.exit(main())"
CHALICE_STAGE = "deployed"  # one for every stage; they differ in the parameters of the templates
CHALICE_TIMEOUT_S = 600.0
IGNORED = ("__pycache__", "deployments")

WEBSOCKET_DEPLOYMENT = "WebsocketAPIDeployment"
WEBSOCKET_ROUTES = ("AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::Integration")


@dataclass(frozen=True)
class Package:
    """What is deployed: a SAM template in JSON, and the code of its functions."""

    template: Path
    zip: Path
    size: int  # of the archive, in bytes
    unpacked: int  # in bytes
    runtime: str

    def load(self) -> dict[str, Any]:
        """The template."""
        found: dict[str, Any] = json.loads(self.template.read_text())
        return found


def build(folder: Path, merge: Path | None = ENGINE) -> Package:
    """Package functions/ into `folder`, which is empty. Raises PackageError."""
    folder.mkdir(exist_ok=True)
    key = cache_key(_sources(merge))
    if not load_cached(key, folder):
        _build(folder, merge)
        save_cached(key, folder)
    template, archive = folder / "template.json", folder / "deployment.zip"
    runtime = _runtime(json.loads(template.read_text()))
    return Package(template, archive, archive.stat().st_size, unpacked_size(archive), runtime)


def _sources(merge: Path | None) -> list[Path]:
    """Every file that affects the package: the functions, the template, and this code."""
    functions = [
        path
        for path in FUNCTIONS.rglob("*")
        if path.is_file() and not {*IGNORED} & {*path.parts[len(FUNCTIONS.parts) :]}
    ]
    return [*functions, *Path(__file__).parent.glob("*.py"), *([merge] if merge else [])]


def cache_key(sources: Iterable[Path]) -> str:
    """A hash of these files, of Python's version and of Chalice's."""
    digest = hashlib.sha256(f"{sys.version_info[:2]} {importlib.metadata.version('chalice')}".encode())
    for path in sorted(sources):
        digest.update(f"\n{path.name} {path.parent.name} {path.stat().st_size}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def load_cached(key: str, folder: Path) -> bool:
    """Copy the package cached under `key` into `folder`; False if there is none."""
    try:
        shutil.copytree(CACHE / key, folder, dirs_exist_ok=True)
        os.utime(CACHE / key)
    except (OSError, shutil.Error):  # never cached, or just deleted by another process
        return False
    return True


def save_cached(key: str, folder: Path) -> None:
    """Cache the package in `folder`, unless the disk is full or another process has just cached it."""
    try:
        CACHE.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="new-", dir=CACHE, ignore_cleanup_errors=True) as made:
            shutil.copytree(folder, Path(made, key)).rename(CACHE / key)
        for old in sorted(CACHE.iterdir(), key=lambda path: path.stat().st_mtime)[:-MAX_CACHED]:
            shutil.rmtree(old, ignore_errors=True)
    except OSError:
        return


def _build(folder: Path, merge: Path | None) -> None:
    """Run `chalice package` and write its checked result as `template.json` and `deployment.zip`."""
    output = folder / "chalice"
    project = folder / "functions"
    shutil.copytree(FUNCTIONS, project, ignore=shutil.ignore_patterns(*IGNORED, "*.pyc"))
    try:
        _run_chalice(project, output, merge)
    finally:
        shutil.rmtree(project)
    template, archive = folder / "template.json", folder / "deployment.zip"
    content = _load_template(output)
    template.write_text(json.dumps(content, indent=1, default=str))
    rewrite(output / "deployment.zip", archive)
    shutil.rmtree(output)
    check_runnable(archive, _runtime(content))


def _run_chalice(project: Path, output: Path, merge: Path | None) -> None:
    """Run Chalice without an AWS account: its settings are not read and no request is sent."""
    options = ["--merge-template", str(merge)] if merge else []
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", CHALICE, "package", "--stage", CHALICE_STAGE, *options, str(output)],
            cwd=project,
            env=environ | {"AWS_DEFAULT_REGION": "us-east-1", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=CHALICE_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        raise PackageError(
            f"pip has not fetched the wheels in {CHALICE_TIMEOUT_S:.0f} s: is its package index reachable?"
        ) from None
    printed = f"{done.stdout}{done.stderr}".strip()
    if done.returncode:
        raise PackageError(f"`chalice package` failed:\n{printed}")
    if "Could not install dependencies" in printed:
        raise PackageError(
            f"There is no wheel of some requirement for Lambda, and it could not be built here:\n{printed}\n"
            "Pin a version in functions/requirements.txt that has one (manylinux2014, x86_64)."
        )


def _load_template(output: Path) -> dict[str, Any]:
    """The template that Chalice wrote: YAML if one was merged in, else JSON, which is YAML too."""
    [path] = output.glob("sam.*")
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    for resource in found["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "deployment.zip"
    name_after_routes(found["Resources"])
    return found


def name_after_routes(resources: dict[str, Any]) -> None:
    """Rename the WebSocket API's deployment after its routes, so that changed routes are deployed.

    A stage serves the routes that existed when its deployment was made, and CloudFormation makes another
    only for another resource. SAM does the same for REST APIs; Chalice's deployment never changes.
    """
    if WEBSOCKET_DEPLOYMENT not in resources:
        return
    routes = {name: found for name, found in resources.items() if found["Type"] in WEBSOCKET_ROUTES}
    digest = hashlib.sha256(json.dumps(routes, sort_keys=True).encode()).hexdigest()
    name = f"{WEBSOCKET_DEPLOYMENT}{digest[:10]}"
    resources[name] = resources.pop(WEBSOCKET_DEPLOYMENT)
    resources["WebsocketAPIStage"]["Properties"]["DeploymentId"] = {"Ref": name}


def _runtime(template: dict[str, Any]) -> str:
    [runtime] = {
        resource["Properties"]["Runtime"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    return str(runtime)
