"""Virtual environments beside the engine's own, for programs whose pins contradict ours.

Each lies inside the engine's environment, is made when it is first asked for, and filled again when its list
of requirements changes. `python -m local.environments NAME …` makes those that are named ahead of time.
"""

from __future__ import annotations

import hashlib
import signal
import sys
import sysconfig
from pathlib import Path

from . import ROOT
from .errors import ServiceError
from .install import InstallError, install

REQUIREMENTS = {
    "emulator": ROOT / "local" / "emulator" / "requirements.txt",
    "checkov": ROOT / "tests" / "infra" / "checkov.txt",
    "audit": ROOT / "infra" / "audit.txt",
    "generated": ROOT / "tests" / "generated" / "python.txt",
    "browser": ROOT / "tests" / "security" / "browser.txt",
    "observe": ROOT / "local" / "observe.txt",
    "solana": ROOT / "local" / "servers" / "solana" / "requirements.txt",
}


def environment(name: str) -> Path:
    """The folder of the programs of environment `name`, which is complete. Raises ServiceError."""
    requirements = REQUIREMENTS[name]
    venv = Path(sys.prefix) / name
    stamp = hashlib.sha256(requirements.read_bytes()).hexdigest()
    try:
        install(venv, stamp, requirements)
    except InstallError as error:
        raise ServiceError(str(error)) from None
    return venv / "bin"


def packages(name: str) -> Path:
    """The folder of the packages of environment `name`, for `sys.path`. Raises ServiceError."""
    return Path(sysconfig.get_path("purelib", vars={"base": str(environment(name).parent)}))


def add_packages(name: str) -> None:
    """Have this process import the packages of environment `name`, after its own. Raises ServiceError."""
    folder = str(packages(name))
    if folder not in sys.path:
        sys.path.append(folder)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and with us goes the pip that we wait for
    for wanted in sys.argv[1:]:
        print(environment(wanted))
