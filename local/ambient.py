"""Variables of the user's shell that libraries of ours read, and that belong to other accounts and servers.

Where the engine has a server of its own it forgets them: AWS_PROFILE says nothing of an SQS that was started
a moment ago. For a server of the user's they hold, and an error names those that are set.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, MutableMapping

PREFIXES = {"Postgres": "PG", "SQS": "AWS_"}
OURS = ("AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
"""What the engine itself reads, and has defaults for."""
SECRETS = {  # which our own servers have not
    "Postgres": ("DATABASE_SECRET", "DATABASE_ROLE_SECRET", "DATABASE_LOGIN"),
    "Valkey": ("REDIS_SECRET",),
}
NO_FILES = dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), os.devnull)


def forget(started: Collection[str], environ: MutableMapping[str, str] = os.environ) -> None:
    """Remove the variables that could lead astray from the servers `started`, by their names."""
    for server in started:
        for name in (*_of(server, environ), *SECRETS.get(server, ())):
            environ.pop(name, None)
    if "SQS" in started:
        environ.update(NO_FILES)  # those in the home folder are as strange


def obeyed(server: str, environ: Mapping[str, str] = os.environ) -> str:
    """A sentence that names the variables which hold for a server of the user's; empty if there are none."""
    names = _of(server, environ)
    return f" Set, too, and obeyed: {', '.join(names)}." if names else ""


def _of(server: str, environ: Mapping[str, str]) -> list[str]:
    prefix = PREFIXES.get(server)
    return sorted(name for name in environ if prefix and name.startswith(prefix) and name not in OURS)
