"""Real servers, each a process of ours: Postgres and Valkey from wheels, and an SQS that is in `sqs/`.

`server.py` is the life they share: a free port, ready, stopped, killed, and gone when we are gone
(`watchdog.py`). `folder.py` is where their files lie; `account.py` is who runs Postgres when we are root.
`attached.py` has the servers that are there already.
"""

from __future__ import annotations

from ..errors import ServiceError
from .folder import Folder
from .postgres import Postgres
from .server import Server
from .sqs import Sqs
from .valkey import Valkey

__all__ = ["Folder", "Postgres", "Server", "ServiceError", "Sqs", "Valkey"]
