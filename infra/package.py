"""functions/ → `chalice package`, merged with templates/engine.yaml → template.json and deployment.zip.

Chalice asks pip for wheels of Lambda's platform on every machine, writes caches into the project, and exits
with 0 even where a wheel is missing. So it works on a copy, and its result is checked: a wheel built on this
machine would import here and fail on Lambda. An ELF header states its processor; the file's name states the
interpreter (PEP 3149: `_psycopg.cpython-311-x86_64-linux-gnu.so`).

pip installs what requirements.lock names, and the list of the world that the stage trades in, if it has one,
each file by its hash; what is in the archive is listed beside it, in `sbom.cdx.json` (see sbom.py).

The archive is rewritten from identical files to identical bytes: Lambda and CloudFormation compare uploads
by key, which is the content's hash, so an unchanged one is neither uploaded nor deployed again. Bytecode is
included: a function cannot write its own, so without it every start compiles every module and takes four
times as long. A package built earlier from the same sources is reused from `.local/packages/`.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from .errors import PackageError
from .sbom import sbom

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

# Chalice asks pip for this machine's wheels, and then once for each that is not Lambda's. These options make
# pip choose Lambda's at once: with a glibc of at most the runtime's, which differs by the version of Python.
NEWEST_GLIBC = 26 if sys.version_info < (3, 12) else 34
PLATFORMS = [f"manylinux_2_{minor}_x86_64" for minor in range(17, NEWEST_GLIBC + 1)]
PIP = {
    "PIP_PLATFORM": " ".join([*PLATFORMS, "manylinux2014_x86_64"]),
    "PIP_ONLY_BINARY": ":all:",
    "PIP_REQUIRE_HASHES": "1",
}
LOCK = "requirements.lock"
SIMULATED = "simulated"  # the WORLD whose orders cost nothing
LOCKS_OF_WORLDS = {"solana": "solana.txt"}  # by WORLD: what it needs beside LOCK
SBOM = "sbom.cdx.json"
WRONG_HASH = r"THESE PACKAGES DO NOT MATCH THE HASHES[\s\S]*"
NO_WHEEL = r"Could not (satisfy the requirement|install dependencies):"  # Chalice has no exit code for it

WEBSOCKET_DEPLOYMENT = "WebsocketAPIDeployment"
WEBSOCKET_ROUTES = ("AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::Integration")

ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can hold
READABLE = 0o644 << 16
LAMBDA_TASK_ROOT = "/var/task"

LAMBDA_RUNTIMES = ("python3.11", "python3.12", "python3.13", "python3.14")
MAX_UNPACKED_SIZE = 250 * 2**20  # Lambda's limit, in bytes

ELF_MAGIC = b"\x7fELF"
X86_64 = 62  # e_machine
NATIVE_CODE = re.compile(r"\.(so(\.\d+)*|dylib|pyd|dll)$")
EXTENSION_TAG = re.compile(r"\.cpython-(?P<version>\d+)-(?P<platform>[\w-]+)\.so$")


@dataclass(frozen=True)
class Package:
    """What is deployed: a SAM template in JSON, and the code of its functions."""

    template: Path
    zip: Path
    size: int  # of the archive, in bytes
    unpacked: int  # in bytes
    runtime: str
    sbom: Path

    def load(self) -> dict[str, Any]:
        """The template."""
        found: dict[str, Any] = json.loads(self.template.read_text())
        return found


def build(folder: Path, merge: Path | None = ENGINE, *, world: str = SIMULATED) -> Package:
    """Package functions/ with what `world` needs into `folder`, which is empty. Raises PackageError."""
    folder.mkdir(exist_ok=True)
    locks = [LOCK, *filter(None, [LOCKS_OF_WORLDS.get(world)])]
    key = cache_key(_sources(merge), locks)
    if not load_cached(key, folder):
        _build(folder, merge, locks)
        save_cached(key, folder)
    template, archive = folder / "template.json", folder / "deployment.zip"
    runtime = _runtime(json.loads(template.read_text()))
    size = archive.stat().st_size
    return Package(template, archive, size, unpacked_size(archive), runtime, folder / SBOM)


def _sources(merge: Path | None) -> list[Path]:
    """Every file that affects the package: the functions, the template, and this code."""
    code = [
        path
        for path in FUNCTIONS.rglob("*")
        if path.is_file() and not {*IGNORED} & {*path.parts[len(FUNCTIONS.parts) :]}
    ]
    return [*code, *Path(__file__).parent.glob("*.py"), *([merge] if merge else [])]


def cache_key(sources: Iterable[Path], locks: Sequence[str] = (LOCK,)) -> str:
    """A hash of these files, of the names of the locks, of Python's version and of Chalice's."""
    versions = f"{sys.version_info[:2]} {importlib.metadata.version('chalice')}"
    digest = hashlib.sha256(f"{versions} {' '.join(locks)}".encode())
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


def _build(folder: Path, merge: Path | None, locks: Iterable[str]) -> None:
    """Run `chalice package` and write its checked result as `template.json` and `deployment.zip`."""
    output = folder / "chalice"
    project = folder / "functions"
    shutil.copytree(FUNCTIONS, project, ignore=shutil.ignore_patterns(*IGNORED, "*.pyc"))
    try:
        requirements = "".join((project / lock).read_text() for lock in locks)
        (project / "requirements.txt").write_text(requirements)  # which is the one that Chalice reads
        _run_chalice(project, output, merge)
    finally:
        shutil.rmtree(project)
    template, archive = folder / "template.json", folder / "deployment.zip"
    content = _load_template(output)
    template.write_text(json.dumps(content, indent=1, default=str))
    rewrite(output / "deployment.zip", archive)
    shutil.rmtree(output)
    check_runnable(archive, _runtime(content))
    (folder / SBOM).write_text(json.dumps(sbom(archive), indent=1))


def _run_chalice(project: Path, output: Path, merge: Path | None) -> None:
    """Run Chalice without an AWS account: its settings are not read and no request is sent."""
    options = ["--merge-template", str(merge)] if merge else []
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", CHALICE, "package", "--stage", CHALICE_STAGE, *options, str(output)],
            cwd=project,
            env=environ | PIP | {"AWS_DEFAULT_REGION": "us-east-1", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=CHALICE_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        raise PackageError(
            f"pip has not fetched the wheels in {CHALICE_TIMEOUT_S:.0f} s: is its package index reachable?"
        ) from None
    printed = f"{done.stdout}{done.stderr}".strip()
    if found := re.search(WRONG_HASH, printed):
        raise PackageError(
            f"The package index has other files than functions/{LOCK} names:\n{found[0]}\n"
            "Find out why, before you make the hashes again."
        )
    if found := re.search(NO_WHEEL, printed):
        raise PackageError(
            f"There is no wheel for Lambda of some requirement:\n{printed[found.start() :]}\n"
            "Pin a version in functions/requirements.txt that has one (manylinux2014, x86_64), and make "
            f"{LOCK} again."
        )
    if done.returncode:
        raise PackageError(f"`chalice package` failed:\n{printed}")


def _load_template(output: Path) -> dict[str, Any]:
    """The template that Chalice wrote: YAML if one was merged in, else JSON, which is YAML too."""
    [path] = output.glob("sam.*")
    found: dict[str, Any] = yaml.load(path.read_text(), yaml.CSafeLoader)
    for function in functions(found):
        function["CodeUri"] = "deployment.zip"
    name_after_routes(found["Resources"])
    return found


def functions(template: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The properties of the template's functions."""
    return [
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
    ]


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
    [runtime] = {function["Runtime"] for function in functions(template)}
    return str(runtime)


def rewrite(source: Path, target: Path) -> None:
    """Copy an archive: with bytecode, sorted, without times, readable by every user, as Lambda requires."""
    with TemporaryDirectory(prefix="order-engine-") as name:
        folder = Path(name)
        with zipfile.ZipFile(source) as old:
            old.extractall(folder)
        _compile(folder)
        with zipfile.ZipFile(target, "w") as new:
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), ZIP_EPOCH)
                entry.external_attr = READABLE
                entry.create_system = 3  # Unix, on every build machine
                entry.compress_type = zipfile.ZIP_DEFLATED
                new.writestr(entry, path.read_bytes())


def _compile(folder: Path) -> None:
    """Put bytecode beside each module, for this Python, which is the runtime's; its source is not compared.

    A separate process: how a constant is marshalled depends on its reference count in the running one.
    """
    places = ["-s", str(folder), "-p", LAMBDA_TASK_ROOT]
    compileall = [sys.executable, "-I", "-m", "compileall", "-qq", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([*compileall, *places, str(folder)])  # a module that does not compile ships as source only


def unpacked_size(path: Path) -> int:
    """Bytes that the archive takes once unpacked."""
    with zipfile.ZipFile(path) as archive:
        return sum(entry.file_size for entry in archive.infolist())


def content_hash(path: Path) -> str:
    """The file's SHA-256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_runnable(archive: Path, runtime: str) -> None:
    """Raises PackageError unless Lambda can run the archive with `runtime`."""
    if runtime not in LAMBDA_RUNTIMES:
        raise PackageError(
            f"Chalice packages for the Python that it runs on, and Lambda has no {runtime} runtime: run this "
            f"with one of {', '.join(LAMBDA_RUNTIMES)} (PYTHON=/path/to/python3.13 and another VENV=…)."
        )
    size = unpacked_size(archive)
    if size > MAX_UNPACKED_SIZE:
        raise PackageError(f"The package takes {size / 2**20:.0f} MB; Lambda has room for 250.")
    with zipfile.ZipFile(archive) as content:
        wrong = [
            f"  {name}: {reason}"
            for name in content.namelist()
            if NATIVE_CODE.search(name)
            and (reason := incompatibility(name, _head(content, name), runtime.removeprefix("python")))
        ]
    if wrong:
        raise PackageError("\n".join(["Lambda could not load this native code:", *wrong]))


def incompatibility(name: str, head: bytes, version: str) -> str | None:
    """Why Lambda cannot load a shared object of that name and first bytes in Python `version`, or None."""
    if head[:4] != ELF_MAGIC:
        return "not Linux's format (ELF)"
    machine = struct.unpack_from("<H", head, 18)[0] if len(head) >= 20 else None
    if machine != X86_64 or head[4] != 2:
        return f"not for x86_64 (machine {machine})"
    tag = EXTENSION_TAG.search(name)
    if tag and tag["version"] != version.replace(".", ""):
        return f"for Python {tag['version']}, not {version}"
    if tag and "musl" in tag["platform"]:
        return "for musl, and Lambda has glibc"
    return None


def _head(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as file:
        return file.read(20)
