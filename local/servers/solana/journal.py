"""The ledger's file, all that survives kill -9: SQLite in WAL mode, with one commit for each landing.

`pending` holds the transactions that were accepted and have not landed: they land after a restart.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from solders.account import Account
from solders.pubkey import Pubkey

from ...errors import ServiceError

_OPTIONS = """
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
"""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS chain (slot_ms INTEGER);
CREATE TABLE IF NOT EXISTS account (
    address BLOB PRIMARY KEY, lamports INTEGER, owner BLOB, data BLOB, executable INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pending (id INTEGER PRIMARY KEY, signature BLOB UNIQUE, due_ms INTEGER, raw BLOB);
CREATE TABLE IF NOT EXISTS landed (
    id INTEGER PRIMARY KEY, signature BLOB UNIQUE, slot INTEGER, at INTEGER, memo TEXT, meta TEXT, raw BLOB
);
CREATE INDEX IF NOT EXISTS landed_slot ON landed (slot);
CREATE TABLE IF NOT EXISTS mention (
    address BLOB, landed INTEGER, PRIMARY KEY (address, landed)
) WITHOUT ROWID;
"""

# CROSS JOIN has SQLite begin with `mention`, in the order of its key, and so read no more than the limit.
_MENTIONS = """
FROM mention CROSS JOIN landed ON landed.id = mention.landed
WHERE mention.address = ? AND landed.slot <= ?
  AND mention.landed < COALESCE((SELECT id FROM landed WHERE signature = ?), IIF(? IS NULL, 1 << 62, NULL))
  AND mention.landed > COALESCE((SELECT id FROM landed WHERE signature = ?), 0)
ORDER BY mention.landed DESC LIMIT ?
"""

_COLUMNS = "landed.signature, landed.slot, landed.at, landed.memo, landed.meta, landed.raw"


@dataclass(frozen=True, slots=True)
class Landed:
    """A transaction that has landed: `at` in unix seconds, `meta` as getTransaction returns it."""

    signature: bytes
    slot: int
    at: int
    memo: str | None
    meta: dict[str, object]
    raw: bytes

    @property
    def err(self) -> object:
        """Solana's TransactionError as the RPC writes it, None where the transaction succeeded."""
        return self.meta["err"]


class Journal:
    """The file of a ledger with slots of `slot_ms`; without a path, a ledger in memory.

    Changes last once `commit` returns. Raises ServiceError where another process has the file, or where its
    slots have another length; later sqlite3.Error.
    """

    def __init__(self, path: Path | None = None, slot_ms: int = 400) -> None:
        self._database = sqlite3.connect(path or ":memory:", timeout=0)
        try:
            self._database.executescript(_OPTIONS)
            self._database.executescript(_SCHEMA)
            self._check(slot_ms)
        except sqlite3.OperationalError as error:
            self._database.close()
            raise ServiceError(f"{path} cannot be opened, or another process uses it: {error}.") from error
        except ServiceError:
            self._database.close()
            raise

    def close(self) -> None:
        """Close the file; changes since the last commit are lost."""
        self._database.close()

    def commit(self) -> None:
        """Make the changes last."""
        self._database.commit()

    def rollback(self) -> None:
        """Undo the changes since the last commit."""
        self._database.rollback()

    def accept(self, signature: bytes, due_ms: int, raw: bytes) -> None:
        """Add a pending transaction that lands at `due_ms`, unix milliseconds."""
        self._database.execute(
            "INSERT INTO pending (signature, due_ms, raw) VALUES (?, ?, ?)", (signature, due_ms, raw)
        )

    def pending(self) -> list[tuple[bytes, int, bytes]]:
        """`(signature, due_ms, raw)` of the pending transactions, in the order they were accepted."""
        return self._database.execute("SELECT signature, due_ms, raw FROM pending ORDER BY id").fetchall()

    def drop(self, signature: bytes) -> None:
        """Delete a pending transaction, once it has landed or can never land."""
        self._database.execute("DELETE FROM pending WHERE signature = ?", (signature,))

    def write(self, address: Pubkey, account: Account | None) -> None:
        """Write the account's present state; None deletes it."""
        if account is None:
            self._database.execute("DELETE FROM account WHERE address = ?", (bytes(address),))
            return
        row = (bytes(address), account.lamports, bytes(account.owner), account.data, account.executable)
        self._database.execute("INSERT OR REPLACE INTO account VALUES (?, ?, ?, ?, ?)", row)

    def accounts(self) -> Iterator[tuple[Pubkey, Account]]:
        """All accounts that were written."""
        for address, lamports, owner, data, executable in self._database.execute("SELECT * FROM account"):
            yield Pubkey(address), Account(lamports, data, Pubkey(owner), bool(executable), 2**64 - 1)

    def land(self, landed: Landed, addresses: Iterable[Pubkey]) -> None:
        """Add a landed transaction, and the addresses that it names."""
        meta = json.dumps(landed.meta, separators=(",", ":"))
        row = (landed.signature, landed.slot, landed.at, landed.memo, meta, landed.raw)
        number = self._database.execute(
            "INSERT INTO landed (signature, slot, at, memo, meta, raw) VALUES (?, ?, ?, ?, ?, ?)", row
        ).lastrowid
        self._database.executemany(
            "INSERT OR IGNORE INTO mention VALUES (?, ?)", [(bytes(address), number) for address in addresses]
        )

    def find(self, signature: bytes) -> Landed | None:
        """The landed transaction with this signature."""
        return next(self._landed("FROM landed WHERE signature = ?", signature), None)

    def since(self, slot: int) -> Iterator[Landed]:
        """The transactions that landed after `slot`, oldest first."""
        return self._landed("FROM landed WHERE slot > ? ORDER BY id", slot)

    def mentions(
        self, address: Pubkey, slot: int, before: bytes | None, until: bytes | None, limit: int
    ) -> Iterator[Landed]:
        """The transactions that name this address and had landed by `slot`, newest first.

        They end before the one with signature `until`, and begin after `before`: none where that is unknown.
        """
        return self._landed(_MENTIONS, bytes(address), slot, before, before, until, limit)

    def _landed(self, which: str, *values: object) -> Iterator[Landed]:
        rows = self._database.execute(f"SELECT {_COLUMNS} {which}", values)
        for signature, slot, at, memo, meta, raw in rows:
            yield Landed(signature, slot, at, memo, json.loads(meta), raw)

    def _check(self, slot_ms: int) -> None:
        row = self._database.execute("SELECT slot_ms FROM chain").fetchone()
        if row is None:
            self._database.execute("INSERT INTO chain VALUES (?)", (slot_ms,))
            self.commit()
        elif row[0] != slot_ms:
            raise ServiceError(
                f"The Solana ledger has slots of {row[0]} ms, and cannot be continued with {slot_ms} ms: "
                "restore the setting, or start on an empty folder."
            )
