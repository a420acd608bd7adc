"""The engine in three processes: a gateway, a worker and a relay, each started again when it dies.

    up ──owns──▶ Postgres, Valkey, SQS
     └─supervises─▶ gateway   clients ⇄ functions; @connections on the same port
                    worker    queue → process, sweep
                    relay     Redis → relay → @connections → clients

They share nothing but the servers, as on AWS, so that each can be killed while the others go on.
"""

from __future__ import annotations

from .engine import SeparateEngine

__all__ = ["SeparateEngine"]
