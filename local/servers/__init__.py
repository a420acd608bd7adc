"""Real servers, each a process of ours: Postgres and Valkey from wheels, and an SQS that is in `sqs/`.

`server.py` is the life they share: a free port, ready, stopped, killed, and ended when our process ends.
`folder.py` is where their files lie; `queues.py` makes the engine's queues in any SQS; `attached.py` has the
servers that are there already.
"""

from __future__ import annotations

from ..errors import ServiceError
from .folder import Folder
from .postgres import Postgres
from .server import Server
from .sqs import Sqs
from .valkey import Valkey

__all__ = ["Folder", "Postgres", "Server", "ServiceError", "Sqs", "Valkey"]
