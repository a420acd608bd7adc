"""CloudFormation, Lambda, SQS, S3, API Gateway and Secrets Manager from the `ministack` wheel.

It runs in a virtual environment of its own, and so do the functions that are deployed into it: what they
import must be in their package, or in Lambda's runtime.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ..environments import REQUIREMENTS, environment
from ..servers.ministack import Ministack

PINNED = re.search(r"^ministack==(\S+)$", REQUIREMENTS["emulator"].read_text(), re.MULTILINE)


class Emulator(Ministack):
    """Ready once it answers; empty at every start."""

    name = "AWS emulator"
    settings = {"LAMBDA_EXECUTOR": "local"}  # noqa: RUF012 - never changed

    def __init__(
        self, folder: Path, *, port: int | None = None, temporary: bool = False, holds: Sequence[int] = ()
    ) -> None:
        super().__init__(folder, temporary=temporary, holds=holds)
        self.port = port

    @property
    def version(self) -> str:
        assert PINNED
        return f"ministack {PINNED[1]}"

    def prepare(self) -> None:
        super().prepare()
        self.python = str(environment("emulator") / "python")
