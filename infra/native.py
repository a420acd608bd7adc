"""Whether a package runs on Lambda: a runtime it has, and native code for its processor, libc and Python.

A wheel built on this machine would import here and fail there. An ELF file's header says its processor; its
name says the interpreter (PEP 3149: `_psycopg.cpython-311-x86_64-linux-gnu.so`).
"""

from __future__ import annotations

import re
import struct
import zipfile
from pathlib import Path

from .archive import unpacked_size
from .errors import PackageError

RUNTIMES = ("python3.11", "python3.12", "python3.13", "python3.14")
LARGEST = 250 * 2**20  # Lambda's limit, unpacked

ELF = b"\x7fELF"
X86_64 = 62  # e_machine
NATIVE = re.compile(r"\.(so(\.\d+)*|dylib|pyd|dll)$")
TAGGED = re.compile(r"\.cpython-(?P<version>\d+)-(?P<platform>[\w-]+)\.so$")


def check_runnable(archive: Path, runtime: str) -> None:
    """Raises PackageError unless Lambda can run what is in `archive` with `runtime`."""
    if runtime not in RUNTIMES:
        raise PackageError(
            f"Chalice packages for the Python that it runs on, and Lambda has no {runtime} runtime: run this "
            f"with one of {', '.join(RUNTIMES)} (PYTHON=/path/to/python3.13 and another VENV=…)."
        )
    if unpacked_size(archive) > LARGEST:
        raise PackageError(
            f"The package takes {unpacked_size(archive) / 2**20:.0f} MB; Lambda has room for 250."
        )
    with zipfile.ZipFile(archive) as content:
        wrong = [
            f"  {name}: {reason}"
            for name in content.namelist()
            if NATIVE.search(name)
            and (reason := why_not(name, _head(content, name), runtime.removeprefix("python")))
        ]
    if wrong:
        raise PackageError("\n".join(["Lambda could not load this native code:", *wrong]))


def why_not(name: str, head: bytes, version: str) -> str | None:
    """What is wrong with a shared object of that name and first bytes, for a Python like `3.11`; or None."""
    if head[:4] != ELF:
        return "not Linux's format (ELF)"
    machine = struct.unpack_from("<H", head, 18)[0] if len(head) >= 20 else None
    if machine != X86_64 or head[4] != 2:
        return f"not for x86_64 (machine {machine})"
    tag = TAGGED.search(name)
    if tag and tag["version"] != version.replace(".", ""):
        return f"for Python {tag['version']}, not {version}"
    if tag and "musl" in tag["platform"]:
        return "for musl, and Lambda has glibc"
    return None


def _head(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as file:
        return file.read(20)
