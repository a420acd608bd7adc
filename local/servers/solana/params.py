"""The parameters of a call, and the encodings of addresses and transactions in them. Raises RpcError."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, TypeVar

import base58
from solders.hash import Hash
from solders.message import Message, MessageV0, from_bytes_versioned
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from .errors import Code, RpcError, invalid
from .ledger import AGES, Ledger, signature_of

MOST_BYTES = 1232
"""The most bytes of a transaction: those of a packet."""
MOST_TEXT = {"base58": 1683, "base64": 1644}
"""The most characters that encode them."""
MOST_U64 = 2**64 - 1
_TRANSACTION = "solana_transaction::versioned::VersionedTransaction"
_MESSAGE = "solana_message::versioned::VersionedMessage"

Value = TypeVar("Value")


class Params:
    """The positional parameters of a call; the last one is an object with options."""

    def __init__(self, given: object) -> None:
        if not isinstance(given, list):
            raise invalid("Invalid params: invalid type, expected a sequence.")
        self._given = given

    @property
    def is_empty(self) -> bool:
        """Whether there are none."""
        return not self._given

    def optional(self, index: int) -> object:
        """The value at `index`, None if there is none."""
        return self._given[index] if index < len(self._given) else None

    def is_object(self, index: int) -> bool:
        """Whether the value at `index` is an object, or there is none."""
        return isinstance(self.optional(index), dict | None)

    def text(self, index: int) -> str:
        """The string at `index`."""
        return self._of(index, str, "a string")

    def number(self, index: int) -> int:
        """The 64-bit unsigned integer at `index`."""
        value = self._of(index, int, "u64")
        if not 0 <= value <= MOST_U64 or isinstance(value, bool):
            raise invalid(f"Invalid params: invalid value at position {index}, expected u64.")
        return value

    def texts(self, index: int) -> list[str]:
        """The list of strings at `index`."""
        return _strings(self._of(index, list, "a sequence"))

    def address(self, index: int) -> Pubkey:
        """The address at `index`."""
        return address(self.text(index))

    def signature(self, index: int) -> bytes:
        """The signature at `index`."""
        return signature(self.text(index))

    def object(self, index: int) -> Options:
        """The options at `index`; no options if there are none."""
        return _object(self.optional(index))

    def _of(self, index: int, kind: type[Value], name: str) -> Value:
        if index >= len(self._given):
            raise invalid(f"`params` should have at least {index + 1} argument(s)")
        value = self._given[index]
        if not isinstance(value, kind):
            raise invalid(f"Invalid params: invalid type at position {index}, expected {name}.")
        return value


class Options(dict[str, Any]):
    """An object with options."""

    def slot(self, ledger: Ledger, name: str = "commitment") -> int:
        """The newest slot of the commitment that the option `name` has; the default is `finalized`."""
        level = self.get(name) or "finalized"
        if not isinstance(level, str) or level not in AGES:
            raise invalid(f"Invalid params: unknown variant `{level}`, expected one of {', '.join(AGES)}.")
        slot = ledger.slot - AGES[level]
        if slot < self.number("minContextSlot", 0):
            message = "Minimum context slot has not been reached"
            raise RpcError(Code.MIN_CONTEXT_SLOT_NOT_REACHED, message, {"contextSlot": slot})
        return slot

    def number(self, name: str, default: int) -> int:
        """A 64-bit unsigned integer."""
        value = self.get(name)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST_U64:
            raise invalid(f"Invalid params: {name}: expected u64.")
        return value

    def object(self, name: str) -> Options:
        """The options within the option `name`; no options if it is absent."""
        return _object(self.get(name))

    def addresses(self) -> list[Pubkey]:
        """The option `addresses`."""
        return [address(each) for each in _strings(self.get("addresses"))]

    def signature(self, name: str) -> bytes | None:
        """A signature, None if it is absent."""
        text = self.get(name)
        return None if text is None else signature(text)

    def flag(self, name: str) -> bool:
        """A boolean, False if it is absent."""
        value = self.get(name)
        if value is not None and not isinstance(value, bool):
            raise invalid(f"Invalid params: {name}: expected a boolean.")
        return bool(value)


def address(text: object) -> Pubkey:
    """An address from base58."""
    return _read(Pubkey.from_string, text, "Invalid param: Invalid")


def signature(text: object) -> bytes:
    """A signature from base58."""
    return _read(signature_of, text, "Invalid param: Invalid")


def blockhash(text: str) -> str:
    """A blockhash in base58, which is checked."""
    return str(_read(Hash.from_string, text, "Invalid param: Invalid"))


def message(text: str) -> Any:
    """A transaction's message from base64."""
    return _read(from_bytes_versioned, _decode(text, "base64", _MESSAGE), f"failed to deserialize {_MESSAGE}")


def transaction(text: str, encoding: object) -> VersionedTransaction:
    """A transaction from base64 or, without an encoding, base58."""
    raw = _decode(text, encoding or "base58", _TRANSACTION)
    found = _read(VersionedTransaction.from_bytes, raw, f"failed to deserialize {_TRANSACTION}")
    _read(VersionedTransaction.sanitize, found, "invalid transaction")
    if not isinstance(found.message, Message | MessageV0):
        raise invalid("invalid transaction: Transaction version is not supported")
    if isinstance(found.message, MessageV0) and found.message.address_table_lookups:
        raise invalid("invalid transaction: Transaction loads an address table account that doesn't exist")
    return found


def _object(value: object) -> Options:
    if value is not None and not isinstance(value, dict):
        raise invalid("Invalid params: invalid type, expected a map.")
    return Options(value or {})


def _strings(values: object) -> list[str]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise invalid("Invalid params: invalid type, expected a sequence of strings.")
    return values


def _decode(text: str, encoding: object, kind: str) -> bytes:
    if not isinstance(encoding, str) or encoding not in MOST_TEXT:
        raise invalid(f"unsupported encoding: {encoding}. Supported encodings: base58, base64")
    if len(text) > MOST_TEXT[encoding]:
        limits = f"max: encoded/raw {MOST_TEXT[encoding]}/{MOST_BYTES}"
        raise invalid(f"{encoding} encoded {kind} too large: {len(text)} bytes ({limits})")
    try:
        raw = base64.b64decode(text, validate=True) if encoding == "base64" else base58.b58decode(text)
    except ValueError as error:
        raise invalid(f"invalid {encoding} encoding: {error}") from None
    if len(raw) > MOST_BYTES:
        raise invalid(f"decoded {kind} too large: {len(raw)} bytes (max: {MOST_BYTES} bytes)")
    return raw


def _read(parse: Callable[[Any], Value], given: object, failure: str) -> Value:
    try:
        return parse(given)
    except Exception as error:  # solders documents no exceptions
        raise invalid(f"{failure}: {error}") from None
