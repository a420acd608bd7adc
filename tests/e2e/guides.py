"""The guides, as a test reads them: the files that they have a reader write, and what they have changed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from local import ROOT

VENUE = ROOT / "functions" / "guides" / "venue.md"
ORDER_TYPE = ROOT / "functions" / "guides" / "order-type.md"
CONSUMER = ROOT / "local" / "guides" / "consumer.md"
FRONT_END = ROOT / "local" / "guides" / "front-end.md"
OWN_SERVERS = ROOT / "local" / "guides" / "own-servers.md"
ALL = (VENUE, ORDER_TYPE, CONSUMER, FRONT_END, OWN_SERVERS)

_FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"(?:# |// |-- |<!-- )(\S+\.\w+)(?: -->)?\n(.*)", re.DOTALL)


def blocks(guide: Path, language: str) -> list[str]:
    """The contents of the blocks that are fenced as `language`."""
    return [block for name, block in _FENCED.findall(guide.read_text()) if name == language]


def write_files(guide: Path, folder: Path) -> list[Path]:
    """Write each block whose first line names a file below `folder`, without that line; their paths."""
    written = []
    for _, block in _FENCED.findall(guide.read_text()):
        if named := _NAMED.fullmatch(block):
            path = folder / named[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(named[2])
            written.append(path)
    return written


def apply_changes(guide: Path, folder: Path) -> None:
    """Make each change that the guide has as a diff, one after the other."""
    for change in blocks(guide, "diff"):
        done = subprocess.run(
            ["git", "apply", "--unidiff-zero", "-"], input=change, cwd=folder, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{change}\n{done.stderr}"
