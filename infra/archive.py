"""A zip file that is the same, byte for byte, whenever it is made from the same files.

Lambda and CloudFormation see by the key of the upload, which is its hash, whether there is anything to do.
"""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip file knows
READABLE = 0o644 << 16


def rewrite(source: Path, target: Path) -> None:
    """Copy an archive: sorted, without times, readable by all, as Lambda asks."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in sorted({name for name in old.namelist() if not name.endswith("/")}):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr = READABLE
            entry.create_system = 3  # Unix, whatever this machine is
            entry.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(entry, old.read(name))


def unpacked_size(path: Path) -> int:
    """Bytes that the archive takes where it is unpacked."""
    with zipfile.ZipFile(path) as archive:
        return sum(entry.file_size for entry in archive.infolist())


def content_hash(path: Path) -> str:
    """The file's SHA-256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
