"""Packages that were built before, by what went into them: to build one takes seconds, and pip's index.

The newest few stay, in `.local/packages/`; any of them may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

FOLDER = Path(__file__).resolve().parent.parent / ".local" / "packages"
MOST = 5


def fingerprint(sources: Iterable[Path]) -> str:
    """What these files, this Python and this Chalice would be packaged to goes by this name."""
    seen = hashlib.sha256(f"{sys.version_info[:2]} {importlib.metadata.version('chalice')}".encode())
    for path in sorted(sources):
        seen.update(f"\n{path.name} {path.parent.name} {path.stat().st_size}\n".encode())
        seen.update(path.read_bytes())
    return seen.hexdigest()


def recall(name: str, folder: Path) -> bool:
    """Copy what was kept under this name into `folder`; whether there was anything."""
    try:
        shutil.copytree(FOLDER / name, folder, dirs_exist_ok=True)
        os.utime(FOLDER / name)
    except (OSError, shutil.Error):  # never kept, or just forgotten by another process
        return False
    return True


def keep(name: str, folder: Path) -> None:
    """Keep what is in `folder` under this name, if there is room for it and nobody was faster."""
    try:
        FOLDER.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="new-", dir=FOLDER, ignore_cleanup_errors=True) as made:
            shutil.copytree(folder, Path(made, name)).rename(FOLDER / name)
        for old in sorted(FOLDER.iterdir(), key=lambda path: path.stat().st_mtime)[:-MOST]:
            shutil.rmtree(old, ignore_errors=True)
    except OSError:
        return
