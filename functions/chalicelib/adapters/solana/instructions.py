"""Instructions of the programs that every cluster has, read as what they do.

Their layouts: a System instruction begins with its number in 4 bytes, one of the others with it in 1 byte;
numbers are little-endian. https://docs.rs/solana-system-interface, https://docs.rs/spl-token-interface
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SYSTEM = "11111111111111111111111111111111"
TOKEN = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"  # noqa: S105
ASSOCIATED = "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL"
MEMOS = ("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr", "Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo")
COMPUTE_BUDGET = "ComputeBudget111111111111111111111111111111"
BASIC = frozenset({SYSTEM, TOKEN, ASSOCIATED, COMPUTE_BUDGET, *MEMOS})
"""Programs whose instructions are read here."""
SIGNATURE_LAMPORTS = 5_000  # that the network takes for each


@dataclass(frozen=True, slots=True)
class Transfer:
    """Tokens go from one account to another; `mint` is None where the instruction does not name it."""

    source: str
    destination: str
    authority: str
    amount: int
    mint: str | None = None


@dataclass(frozen=True, slots=True)
class SystemTransfer:
    """Lamports go from one account to another."""

    source: str
    destination: str
    lamports: int


@dataclass(frozen=True, slots=True)
class CreateAccount:
    """`payer` pays for the associated token account of `owner` and `mint`, where it is not there."""

    payer: str
    account: str
    owner: str
    mint: str


@dataclass(frozen=True, slots=True)
class CloseAccount:
    """A token account is closed, and its lamports go to `destination`."""

    account: str
    destination: str
    authority: str


@dataclass(frozen=True, slots=True)
class SyncNative:
    """A wrapped account's amount becomes what its lamports are."""

    account: str


@dataclass(frozen=True, slots=True)
class ComputeUnits:
    """The most compute units that the transaction may take."""

    limit: int


@dataclass(frozen=True, slots=True)
class ComputePrice:
    """What is offered for each compute unit, in millionths of a lamport."""

    micro_lamports: int


@dataclass(frozen=True, slots=True)
class ComputeLimit:
    """Another limit of the compute budget, which costs nothing."""


@dataclass(frozen=True, slots=True)
class Memo:
    """A text in the transaction."""

    text: bytes


@dataclass(frozen=True, slots=True)
class Other:
    """Anything else: an instruction of a basic program that no swap needs, or one that is not well formed."""

    program: str


Instruction = (
    Transfer
    | SystemTransfer
    | CreateAccount
    | CloseAccount
    | SyncNative
    | ComputeUnits
    | ComputePrice
    | ComputeLimit
    | Memo
    | Other
)


def read(program: str, accounts: Sequence[str], data: bytes) -> Instruction:
    """What an instruction of one of the `BASIC` programs does."""
    found: Instruction | None = None
    if program in MEMOS:
        found = Memo(data)
    elif program == COMPUTE_BUDGET:
        found = _compute_budget(data)
    elif program == TOKEN:
        found = _token(accounts, data)
    elif program == ASSOCIATED:
        found = _associated(accounts, data)
    elif program == SYSTEM:
        found = _system(accounts, data)
    return found or Other(program)


def _compute_budget(data: bytes) -> Instruction | None:
    match data[:1], len(data):
        case b"\x02", 5:
            return ComputeUnits(_number(data[1:]))
        case b"\x03", 9:
            return ComputePrice(_number(data[1:]))
        case ((b"\x01" | b"\x04"), 5):  # the heap's size, and that of the loaded accounts
            return ComputeLimit()
    return None


def _token(accounts: Sequence[str], data: bytes) -> Instruction | None:
    match data[:1], len(data), accounts:
        case b"\x03", 9, [source, destination, authority]:
            return Transfer(source, destination, authority, _number(data[1:]))
        case b"\x0c", 10, [source, mint, destination, authority]:
            return Transfer(source, destination, authority, _number(data[1:9]), mint)
        case b"\x09", 1, [account, destination, authority]:
            return CloseAccount(account, destination, authority)
        case b"\x11", 1, [account]:
            return SyncNative(account)
    return None


def _associated(accounts: Sequence[str], data: bytes) -> Instruction | None:
    if data not in (b"", b"\x00", b"\x01"):  # create, or create unless it is there
        return None
    match accounts:
        case [payer, account, owner, mint, system, token]:
            return CreateAccount(payer, account, owner, mint) if (system, token) == (SYSTEM, TOKEN) else None
    return None


def _system(accounts: Sequence[str], data: bytes) -> Instruction | None:
    match _number(data[:4]), len(data), accounts:
        case 2, 12, [source, destination]:
            return SystemTransfer(source, destination, _number(data[4:]))
    return None


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")
