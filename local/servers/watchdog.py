"""A small shell process per server that ends it when we are gone, however we went.

It waits for the end of its standard input. We hold the other end, so the kernel closes it even on kill -9.
Then it stops the server, kills it if it does not stop, and removes its folders if they were temporary ones.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

SCRIPT = """
read -r _
pid=$1
kill -"$2" "$pid"
n=0
alive() {
    kill -0 "$pid" && ! grep -q ') Z ' "/proc/$pid/stat"  # a zombie is gone, and its new parent may be slow
}
while alive && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
kill -KILL "$pid"
kill -KILL "-$pid"  # what it had started and did not take along
shift 2
[ $# -gt 0 ] || exit 0
rm -rf -- "$@"
rmdir -- "${1%/*}"
"""


class Watchdog:
    """Watches over process `pid` until `dismiss()`.

    `removes` are folders that go with the server; the folder above the first goes too, once it is empty.
    `holds` are file descriptors that it keeps open as long as it lives; see `folder.py`.
    """

    def __init__(
        self, pid: int, stop: signal.Signals, *, removes: Sequence[Path] = (), holds: Sequence[int] = ()
    ) -> None:
        paths = [str(path) for path in removes]
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", SCRIPT, "sh", str(pid), stop.name.removeprefix("SIG"), *paths],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            pass_fds=holds,
            start_new_session=True,  # out of reach of the terminal's Ctrl-C
        )

    def dismiss(self) -> None:
        """End the watch and leave the server as it is."""
        self._process.kill()
        self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()
