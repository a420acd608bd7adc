"""Files with secrets in them, and folders that hold such files: for our own user alone."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Write the file with mode 600, as a whole: one that was there before is replaced."""
    made = path.with_name(f"{path.name}.new")
    made.unlink(missing_ok=True)
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    made.replace(path)


def let_through(folder: Path, group: int) -> None:
    """Let a group pass through a folder of ours, and not look into it: mode 710. Else it stays as it is."""
    with suppress(OSError):
        os.chown(folder, -1, group)
        folder.chmod(0o710)


def is_private(folder: Path) -> bool:
    """Whether the folder is ours, and no other user has any access to it."""
    found = folder.stat()
    return found.st_uid == os.geteuid() and not found.st_mode & 0o077
