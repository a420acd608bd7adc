"""functions/ → `chalice package`, merged with engine.yaml → template.json and deployment.zip.

Chalice asks pip for wheels of Lambda's platform whatever machine this is, writes its caches into the project
and ends well even where a wheel was missing. So it works on a copy, and what it made is checked: see
`native.py`. The archive is written anew without times, so that the same source gives the same bytes; and what
was built from the same source before is taken as it is (`kept.py`).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from . import kept
from .archive import rewrite, unpacked_size
from .errors import PackageError
from .native import check_runnable

ROOT = Path(__file__).resolve().parent.parent
FUNCTIONS = ROOT / "functions"
TEMPLATES = ROOT / "infra" / "templates"
ENGINE = TEMPLATES / "engine.yaml"

CHALICE = "import sys; from chalice.cli import main; sys.exit(main())"
SOCKET_DEPLOYMENT = "WebsocketAPIDeployment"
SOCKET_ROUTES = ("AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::Integration")

CHALICE_STAGE = "deployed"  # one for all of ours, which differ in the templates' parameters
LONGEST_S = 600.0
NOT_OURS = shutil.ignore_patterns("__pycache__", "deployments", "*.pyc")


@dataclass(frozen=True)
class Package:
    """What is deployed: a SAM template in JSON, and the code of its functions."""

    template: Path
    zip: Path
    size: int  # of the archive, in bytes
    unpacked: int
    runtime: str

    def load(self) -> dict[str, Any]:
        """The template."""
        found: dict[str, Any] = json.loads(self.template.read_text())
        return found


def build(folder: Path, merge: Path | None = ENGINE) -> Package:
    """Package functions/ into `folder`, which is empty. Raises PackageError."""
    folder.mkdir(exist_ok=True)
    name = kept.fingerprint(_sources(merge))
    if not kept.recall(name, folder):
        _build(folder, merge)
        kept.keep(name, folder)
    template, archive = folder / "template.json", folder / "deployment.zip"
    runtime = _runtime(json.loads(template.read_text()))
    return Package(template, archive, archive.stat().st_size, unpacked_size(archive), runtime)


def _sources(merge: Path | None) -> list[Path]:
    """All that decides what is built: the functions, the template, and how it is done."""
    ignored = {"__pycache__", "deployments"}
    functions = [
        path
        for path in FUNCTIONS.rglob("*")
        if path.is_file() and not ignored & {*path.parts[len(FUNCTIONS.parts) :]}
    ]
    return [*functions, *Path(__file__).parent.glob("*.py"), *([merge] if merge else [])]


def _build(folder: Path, merge: Path | None) -> None:
    """What `chalice package` makes, checked, as `template.json` and `deployment.zip`."""
    made = folder / "chalice"
    project = folder / "functions"
    shutil.copytree(FUNCTIONS, project, ignore=NOT_OURS)
    try:
        _package(project, made, merge)
    finally:
        shutil.rmtree(project)
    template, archive = folder / "template.json", folder / "deployment.zip"
    content = _load(made)
    template.write_text(json.dumps(content, indent=1, default=str))
    rewrite(made / "deployment.zip", archive)
    shutil.rmtree(made)
    check_runnable(archive, _runtime(content))


def _package(project: Path, out: Path, merge: Path | None) -> None:
    """Run Chalice; it must not read an AWS account's settings, or ask one for anything."""
    merging = ["--merge-template", str(merge)] if merge else []
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", CHALICE, "package", "--stage", CHALICE_STAGE, *merging, str(out)],
            cwd=project,
            env=environ | {"AWS_DEFAULT_REGION": "us-east-1", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
        )
    except subprocess.TimeoutExpired:
        raise PackageError(
            f"pip has not fetched the wheels in {LONGEST_S:.0f} s: is its package index reachable?"
        ) from None
    said = f"{done.stdout}{done.stderr}".strip()
    if done.returncode:
        raise PackageError(f"`chalice package` failed:\n{said}")
    if "Could not install dependencies" in said:
        raise PackageError(
            f"There is no wheel of some requirement for Lambda, and it could not be built here:\n{said}\n"
            "Pin a version in functions/requirements.txt that has one (manylinux2014, x86_64)."
        )


def _load(made: Path) -> dict[str, Any]:
    """The template that Chalice wrote: YAML if one was merged in, else JSON, which is YAML too."""
    [path] = made.glob("sam.*")
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    for resource in found["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "deployment.zip"
    name_after_routes(found["Resources"])
    return found


def name_after_routes(resources: dict[str, Any]) -> None:
    """Have the WebSocket API deployed anew, under another name, when its routes are others.

    A stage shows the routes that were there when its deployment was made, and CloudFormation makes another
    only for another resource. SAM does the same for REST APIs; Chalice's deployment never changes.
    """
    if SOCKET_DEPLOYMENT not in resources:
        return
    shown = {name: found for name, found in resources.items() if found["Type"] in SOCKET_ROUTES}
    digest = hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()
    name = f"{SOCKET_DEPLOYMENT}{digest[:10]}"
    resources[name] = resources.pop(SOCKET_DEPLOYMENT)
    resources["WebsocketAPIStage"]["Properties"]["DeploymentId"] = {"Ref": name}


def _runtime(template: dict[str, Any]) -> str:
    [runtime] = {
        resource["Properties"]["Runtime"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    return str(runtime)
