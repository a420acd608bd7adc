"""The emulator's process: ministack, in which the workers of one package share one copy of it.

ministack unpacks a package, a thousand files, for each worker of each function, and takes as long for that as
the worker then does to start. On Lambda a function can't write to its package, so one copy does for all.

    python program.py      in the emulator's environment, where nothing of ours can be imported
"""

from __future__ import annotations

import hashlib
import threading
import zipfile
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

from ministack.app import main
from ministack.core import lambda_runtime


def sharing_in(folder: Path) -> type[zipfile.ZipFile]:
    """An archive that is unpacked into `folder` once, however often, and linked to where it is wanted."""
    unpacking = threading.Lock()

    class Archive(zipfile.ZipFile):
        def extractall(
            self, path: Any = None, members: Iterable[Any] | None = None, pwd: bytes | None = None
        ) -> None:
            assert self.filename
            copy = folder / hashlib.sha256(Path(self.filename).read_bytes()).hexdigest()
            with unpacking:
                if not copy.exists():
                    unfinished = copy.with_suffix(".new")
                    super().extractall(unfinished, members, pwd)
                    unfinished.rename(copy)
            wanted = Path(path)
            wanted.rmdir()
            wanted.symlink_to(copy)

    return Archive


if __name__ == "__main__":
    with TemporaryDirectory(prefix="packages-") as folder:
        # of the module's names it uses these, and no other module sees them
        lambda_runtime.zipfile = SimpleNamespace(
            ZipFile=sharing_in(Path(folder)),
            BadZipFile=zipfile.BadZipFile,
            LargeFileError=getattr(zipfile, "LargeFileError", zipfile.LargeZipFile),
        )
        main()
