"""A real browser: the Chromium of this machine, in a process of its own that Playwright drives."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.environments import environment
from local.errors import ServiceError

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--no-sandbox", "--disable-dev-shm-usage")  # a container's root has no sandbox, and little /dev/shm
PROCESS = Path(__file__).with_name("browser_process.py")
LINE_BYTES = 2**20


class NoBrowser(Exception):
    """There is none to try it with; the message says why."""


def find_chromium(environ: Mapping[str, str] = os.environ) -> str:
    """The path of Chromium, or of what CHROMIUM names. Raises NoBrowser, always in CI."""
    if environ.get("CI"):
        raise NoBrowser("no browser is started in CI")
    wanted = environ.get("CHROMIUM")
    for name in [wanted] if wanted else NAMES:
        if found := shutil.which(name, path=environ.get("PATH")):
            return found
    raise NoBrowser(
        f"there is no {wanted or 'Chromium'}; apt-get install chromium, or set CHROMIUM to its path"
    )


async def prepare() -> tuple[str, Path]:
    """Chromium, and the Python that has Playwright, which is installed once. Raises NoBrowser."""
    chromium = find_chromium()
    try:
        return chromium, await asyncio.to_thread(environment, "browser") / "python"
    except ServiceError as error:
        raise NoBrowser(f"Playwright could not be installed: {error}") from None


class Browser:
    """A context manager. In it `names`, each with a port, resolve to ports of this machine."""

    def __init__(self, names: Mapping[str, int]) -> None:
        rules = ", ".join(f"MAP {name} 127.0.0.1:{port}" for name, port in names.items())
        self._flags = (*FLAGS, f"--host-resolver-rules={rules}")
        self._process: Process

    async def __aenter__(self) -> Browser:
        chromium, python = await prepare()
        self._process = await asyncio.create_subprocess_exec(
            python, "-P", PROCESS, chromium, *self._flags, stdin=PIPE, stdout=PIPE, limit=LINE_BYTES
        )
        try:
            await self._read()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *raised: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()

    async def run(self, *pages: tuple[str, str, object]) -> list[list[str]]:
        """What scripts return, lists of texts; each with the page it runs in and its argument."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(pages).encode() + b"\n")
        found = await self._read()
        assert not [page["error"] for page in found if "error" in page], found
        return [page["found"] for page in found]

    async def _read(self) -> Any:
        assert self._process.stdout is not None
        async with asyncio.timeout(60):
            line = await self._process.stdout.readline()
        assert line, "the browser has ended"
        return json.loads(line)


def script(*parts: str) -> str:
    """A function of an argument `to` whose body is `parts`."""
    return "async (to) => {\n" + "\n".join(parts) + "\n}"
