"""A zip file that is the same, byte for byte, whenever it is made from the same files.

Lambda and CloudFormation see by the key of the upload, which is its hash, whether there is anything to do.
Bytecode is in it, since a function can't keep what it compiles: each start would compile everything anew, and
take four times as long.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip file knows
READABLE = 0o644 << 16
WHERE_IT_RUNS = "/var/task"


def rewrite(source: Path, target: Path) -> None:
    """Copy an archive: compiled, sorted, without times, readable by all, as Lambda asks."""
    with TemporaryDirectory(prefix="order-engine-") as name:
        folder = Path(name)
        with zipfile.ZipFile(source) as old:
            old.extractall(folder)
        _compile(folder)
        with zipfile.ZipFile(target, "w") as new:
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), EPOCH)
                entry.external_attr = READABLE
                entry.create_system = 3  # Unix, whatever this machine is
                entry.compress_type = zipfile.ZIP_DEFLATED
                new.writestr(entry, path.read_bytes())


def _compile(folder: Path) -> None:
    """Put bytecode beside each module: for this Python, which is the runtime's, and taken as it is.

    In a process of its own, as how a constant is written depends on who else refers to it.
    """
    places = ["-s", str(folder), "-p", WHERE_IT_RUNS]
    compiling = [sys.executable, "-I", "-m", "compileall", "-qq", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([*compiling, *places, str(folder)])  # what can't be compiled goes as it is


def unpacked_size(path: Path) -> int:
    """Bytes that the archive takes where it is unpacked."""
    with zipfile.ZipFile(path) as archive:
        return sum(entry.file_size for entry in archive.infolist())


def content_hash(path: Path) -> str:
    """The file's SHA-256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
