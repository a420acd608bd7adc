"""What third-party code a package holds, as a CycloneDX document, with its licences.

Read from the archive itself: each wheel leaves its metadata there. The same archive gives the same document,
so it has no time in it.
"""

from __future__ import annotations

import email
import hashlib
import importlib.metadata
import uuid
import zipfile
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any

SPEC_VERSION = "1.6"
LICENSE_CLASSIFIER = "License :: OSI Approved :: "


def sbom(archive: Path) -> dict[str, Any]:
    """The document for a package's archive."""
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, digest)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "order-engine",
                "name": "order-engine",
                "hashes": [{"alg": "SHA-256", "content": digest}],
                "licenses": [{"license": {"id": "MIT"}}],
            }
        },
        "components": sorted(map(_component, _metadata(archive)), key=lambda found: str(found["bom-ref"])),
    }


def _metadata(archive: Path) -> Iterator[Message]:
    """The metadata of each wheel in the archive, and of Chalice, which puts its own code there without."""
    with zipfile.ZipFile(archive) as content:
        names = set(content.namelist())
        for name in sorted(names):
            if name.endswith(".dist-info/METADATA"):
                yield email.message_from_bytes(content.read(name))
        if "chalice/app.py" in names:
            yield email.message_from_string(
                importlib.metadata.distribution("chalice").read_text("METADATA") or ""
            )


def _component(of: Message) -> dict[str, Any]:
    name, version = str(of["Name"]).lower().replace("_", "-"), str(of["Version"])
    purl = f"pkg:pypi/{name}@{version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "licenses": _licenses(of),
    }


def _licenses(of: Message) -> list[dict[str, Any]]:
    """As its metadata says: an expression, else the classifiers, else the first line of the text."""
    if expression := of["License-Expression"]:
        return [{"expression": expression}]
    classified = [
        value.removeprefix(LICENSE_CLASSIFIER)
        for value in of.get_all("Classifier", [])
        if value.startswith(LICENSE_CLASSIFIER)
    ]
    said = str(of["License"] or "").strip().partition("\n")[0]
    return [{"license": {"name": name}} for name in classified or filter(None, [said])]
