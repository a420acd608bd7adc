"""The client library in JavaScript against the engine: the example of the README, as it stands there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from local import FUNCTIONS
from tests.e2e import readme
from tests.e2e.engine import Engine
from tests.unit.page.node import node

CLIENT = FUNCTIONS / "chalicelib" / "page" / "client.js"
PRINTED = ["1 pending", "2 routing", "3 building", "4 submitted", "5 confirmed"]


def test_the_example_of_the_readme_does_what_it_says(engine: Engine, tmp_path: Path) -> None:
    [example] = readme.blocks("js", readme.CLIENT)
    (tmp_path / "order.mjs").write_text(example)
    shutil.copy(CLIENT, tmp_path)
    found = {"ENGINE_URL": engine.http_url, "ENGINE_API_KEY": engine.api_key}
    done = subprocess.run(
        [node(), "--no-warnings", "--experimental-websocket", "order.mjs"],
        cwd=tmp_path,
        env={**os.environ, **found},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    *events, received, cancelled, refused, listed = done.stdout.splitlines()
    assert events == PRINTED
    assert re.fullmatch(r"received \d+\.\d+ USDC", received)
    assert (cancelled, refused) == ("open cancelled", "409 NOT_CANCELLABLE confirmed")
    assert listed == "listed confirmed"
