"""A real browser: the Chromium of this machine, in a process of its own that Playwright drives."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

from tests.security.browser import FLAGS, prepare

PROCESS = Path(__file__).with_name("process.py")
LINE_BYTES = 2**22


class Browser:
    """A context manager: one page at a time, and Playwright's calls of it by their names.

    Raises NoBrowser.
    """

    _process: Process

    async def __aenter__(self) -> Browser:
        chromium, python = await prepare()
        command = (python, "-P", PROCESS, chromium, *FLAGS)
        self._process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, limit=LINE_BYTES
        )
        return self

    async def __aexit__(self, *raised: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()

    async def __call__(self, name: str, *args: object, **more: object) -> Any:
        """What `page.NAME(*args, **more)` gives. Raises AssertionError for an error of Playwright's."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([name, args, more]).encode() + b"\n")
        async with asyncio.timeout(60):
            answer = json.loads(await self._process.stdout.readline())
        assert "error" not in answer, f"{name} {args}: {answer['error']}"
        return answer["found"]
