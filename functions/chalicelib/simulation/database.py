"""What the simulation needs of Postgres."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

SQL = Path(__file__).parent / "sql"


class Database(Protocol):
    """The engine's database, in which the simulation has a schema of its own, `sim`."""

    clock_ahead_s: float
    """How far the server's clock is ahead of this process's."""

    def load(self, queries: Path) -> None:
        """Add the named statements of a file."""

    async def run(self, name: str, **columns: Any) -> list[dict[str, Any]]:
        """The rows that a named statement gives. Raises TemporarilyUnavailable."""
