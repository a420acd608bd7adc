"""The deployment archive: identical bytes from identical files, and checked for Lambda's platform.

Lambda and CloudFormation compare uploads by key, which is the content's hash, so an unchanged archive is
neither uploaded nor deployed again. Bytecode is included: a function cannot write its own, so without it
every start compiles every module and takes four times as long.

A wheel built on this machine would import here and fail on Lambda. An ELF header states its processor; the
file's name states the interpreter (PEP 3149: `_psycopg.cpython-311-x86_64-linux-gnu.so`).
"""

from __future__ import annotations

import hashlib
import re
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from .errors import PackageError

ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can hold
READABLE = 0o644 << 16
LAMBDA_TASK_ROOT = "/var/task"

LAMBDA_RUNTIMES = ("python3.11", "python3.12", "python3.13", "python3.14")
MAX_UNPACKED_SIZE = 250 * 2**20  # Lambda's limit, in bytes

ELF_MAGIC = b"\x7fELF"
X86_64 = 62  # e_machine
NATIVE_CODE = re.compile(r"\.(so(\.\d+)*|dylib|pyd|dll)$")
EXTENSION_TAG = re.compile(r"\.cpython-(?P<version>\d+)-(?P<platform>[\w-]+)\.so$")


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
