"""Write the generated documents, or check that they are fresh."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from local import FUNCTIONS, ROOT
from local.reference import asyncapi, examples, openapi, python_types, tables


def documents() -> Mapping[Path, str]:
    """Every generated document and its content."""
    readme = FUNCTIONS / "README.md"
    requests = ROOT / "local" / "requests"
    return {
        FUNCTIONS / "chalicelib" / "openapi.json": openapi.text(),
        FUNCTIONS / "chalicelib" / "asyncapi.json": asyncapi.text(),
        ROOT / "local" / "client" / "wire.py": python_types.text(),
        readme: tables.filled(readme.read_text()),
        ROOT / ".env.example": tables.dotenv(),
        ROOT / "local" / "postman_collection.json": examples.collection(),
        **{requests / f"{name}.sh": script for name, script in examples.scripts().items()},
    }


def stale() -> list[Path]:
    """The documents that are not what the code says."""
    return [path for path, text in documents().items() if not path.exists() or path.read_text() != text]


def main() -> int:
    """Write the stale documents; with `--check` only name them."""
    parser = argparse.ArgumentParser(prog="python -m local.reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a document is stale")
    check = parser.parse_args().check
    found = stale()
    for path in found:
        if not check:
            path.write_text(documents()[path])
            path.chmod(0o755 if path.suffix == ".sh" else 0o644)
        print("stale:" if check else "written:", path.relative_to(ROOT))
    return 1 if check and found else 0


if __name__ == "__main__":
    sys.exit(main())
