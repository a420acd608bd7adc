"""The RPC's methods that simulate, send and find transactions."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import base58
from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import Message, MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.system_program import transfer
from solders.transaction import VersionedTransaction

from . import fees, params
from .account_methods import context, shown
from .errors import Code, ReplyLost, RpcError, invalid, sentence
from .faults import Faults, Kind
from .journal import Landed
from .ledger import AGES, Ledger
from .meta import compiled, details_of, error_of, inner_instructions, return_data
from .params import Options, Params

MOST_SIGNATURES = 256  # of getSignatureStatuses
MOST_LANDED = 1000  # of getSignaturesForAddress

Json = dict[str, Any]


class TransactionMethods:
    """`methods` has them by their names on the wire. `faucet` pays for airdrops."""

    def __init__(self, ledger: Ledger, faults: Faults, faucet: Keypair) -> None:
        self._ledger = ledger
        self._faults = faults
        self._faucet = faucet
        self.methods = {
            "getSignatureStatuses": self.statuses,
            "getSignaturesForAddress": self.signatures,
            "getTransaction": self.transaction,
            "requestAirdrop": self.airdrop,
            "sendTransaction": self.send,
            "simulateTransaction": self.simulate,
        }

    def send(self, given: Params) -> str:
        """Accept a transaction, after a preflight unless that is skipped; returns its signature.

        As on a node, nothing is checked without a preflight: a transaction that cannot land, or has landed,
        is answered with its signature as well.
        """
        options = given.object(1)
        transaction = params.transaction(given.text(0), options.get("encoding"))
        if not options.flag("skipPreflight"):
            self._preflight(transaction, options.slot(self._ledger, "preflightCommitment"))
        keys = {str(key) for key in transaction.message.account_keys}
        signature = str(transaction.signatures[0])
        if not self._faults.strike(Kind.SEND_DROPPED, keys, signature):
            self._ledger.accept(transaction)
        if self._faults.strike(Kind.REPLY_LOST, keys, signature):
            raise ReplyLost
        return signature

    def simulate(self, given: Params) -> Json:
        """The effects of a transaction on the state of the newest slot of a commitment; nothing changes."""
        options = given.object(1)
        slot = options.slot(self._ledger)
        verifies, replaces = options.flag("sigVerify"), options.flag("replaceRecentBlockhash")
        if verifies and replaces:
            raise invalid("sigVerify may not be used with replaceRecentBlockhash")
        transaction = params.transaction(given.text(0), options.get("encoding"))
        replacement = None
        if replaces:
            blockhash, last = self._ledger.latest_blockhash(slot)
            transaction = _with_blockhash(transaction, blockhash)
            replacement = {"blockhash": blockhash, "lastValidBlockHeight": last}
        if verifies:
            _verify(transaction)
        simulated = self._simulate(transaction, slot)
        content = simulated.content(options.flag("innerInstructions")) | {
            "accounts": self._accounts(simulated, options, transaction, slot),
            "fee": fees.fee(transaction.message),
        }
        if replacement:
            content["replacementBlockhash"] = replacement
        return context(slot, content)

    def statuses(self, given: Params) -> Json:
        """Statuses by signature, of the last 300 slots; with searchTransactionHistory, of all slots."""
        searches = given.object(1).flag("searchTransactionHistory")
        signatures = given.texts(0)
        if len(signatures) > MOST_SIGNATURES:
            raise invalid(f"Too many inputs provided; max {MOST_SIGNATURES}")
        slot = self._ledger.slot
        found = [self._status(params.signature(each), slot, searches) for each in signatures]
        return context(slot, found)

    def transaction(self, given: Params) -> Json | None:
        """A landed transaction with its meta; null for any other signature."""
        options = given.object(1) if given.is_object(1) else Options(encoding=given.optional(1))
        slot = _landed_slot(options, self._ledger)
        landed = self._ledger.journal.find(given.signature(0))
        if landed is None or landed.slot > slot:
            return None
        return _found(landed, options)

    def signatures(self, given: Params) -> list[Json]:
        """The landed transactions that name an address, newest first."""
        options = given.object(1)
        limit = options.number("limit", MOST_LANDED)
        if not 1 <= limit <= MOST_LANDED:
            raise invalid(f"Invalid limit; max {MOST_LANDED}")
        before, until = options.signature("before"), options.signature("until")
        slot = _landed_slot(options, self._ledger)
        newest = self._ledger.slot
        return [
            {
                "signature": base58.b58encode(landed.signature).decode(),
                "slot": landed.slot,
                "err": landed.err,
                "memo": landed.memo,
                "blockTime": landed.at,
                "confirmationStatus": _level(newest - landed.slot),
            }
            for landed in self._ledger.journal.mentions(given.address(0), slot, before, until, limit)
        ]

    def airdrop(self, given: Params) -> str:
        """Transfer lamports from the faucet to an address; returns the signature."""
        payer = self._faucet.pubkey()
        terms = {"from_pubkey": payer, "to_pubkey": given.address(0), "lamports": given.number(1)}
        slot = given.object(2).slot(self._ledger)
        # Two airdrops of the same amount in the same slot would be the same transaction.
        memo = Instruction(Pubkey.from_string(fees.MEMOS[0]), f"airdrop {uuid4()}".encode(), [])
        blockhash = Hash.from_string(self._ledger.latest_blockhash(slot)[0])
        message = MessageV0.try_compile(payer, [transfer(terms), memo], [], blockhash)
        transaction = VersionedTransaction(message, [self._faucet])
        self._preflight(transaction, slot)
        self._ledger.accept(transaction)
        return str(transaction.signatures[0])

    def _preflight(self, transaction: VersionedTransaction, slot: int) -> None:
        _verify(transaction)
        simulated = self._simulate(transaction, slot)
        if simulated.err is not None:
            message = f"Transaction simulation failed: {sentence(simulated.err)}"
            absent = {"accounts": None, "replacementBlockhash": None}
            raise RpcError(Code.SIMULATION_FAILED, message, simulated.content() | absent)

    def _simulate(self, transaction: VersionedTransaction, slot: int) -> Simulated:
        if refusal := self._ledger.refusal(transaction, slot):
            return Simulated(refusal)
        result = self._ledger.simulate(transaction, slot)
        return Simulated(error_of(result), result)

    def _accounts(
        self, simulated: Simulated, options: Options, transaction: VersionedTransaction, slot: int
    ) -> list[Json | None] | None:
        wanted = options.object("accounts")
        if not wanted:
            return None
        encoding = wanted.get("encoding") or "base64"
        if encoding in ("base58", "binary"):
            raise invalid("base58 encoding not supported")
        addresses, most = wanted.addresses(), len(transaction.message.account_keys)
        if len(addresses) > most:
            raise invalid(f"Too many accounts provided; max {most}")
        if simulated.err is not None:
            return [None] * len(addresses)
        accounts, after = self._ledger.accounts, dict(simulated.result.post_accounts())
        states = [after.get(address) or accounts.get(address, slot) for address in addresses]
        return [state and shown(state, Options(encoding=encoding), accounts) for state in states]

    def _status(self, signature: bytes, slot: int, searches: bool) -> Json | None:
        status: Any = self._ledger.status(signature)
        if status is None and searches:
            status = self._ledger.journal.find(signature)
        if status is None:
            return None
        age = slot - status.slot
        level = _level(age)
        return {
            "slot": status.slot,
            "confirmations": None if level == "finalized" else age,
            "err": status.err,
            "status": {"Ok": None} if status.err is None else {"Err": status.err},
            "confirmationStatus": level,
        }


@dataclass(frozen=True, slots=True)
class Simulated:
    """A simulation's error, and the VM's result; None where the transaction was not executed."""

    err: object
    result: Any = None

    def content(self, shows_inner: bool = False) -> Json:
        """The fields that simulateTransaction and a failed preflight have in common."""
        if self.result is None:
            absent = {"unitsConsumed": 0, "returnData": None, "innerInstructions": None}
            return {"err": self.err, "logs": [], **absent}
        details = details_of(self.result)
        return {
            "err": self.err,
            "logs": details.logs(),
            "unitsConsumed": details.compute_units_consumed(),
            "returnData": return_data(details),
            "innerInstructions": inner_instructions(details) if shows_inner else None,
        }


def _verify(transaction: VersionedTransaction) -> None:
    if not all(transaction.verify_with_results()):
        raise RpcError(Code.SIGNATURE_FAILED, "Transaction signature verification failure")


def _with_blockhash(transaction: VersionedTransaction, blockhash: str) -> VersionedTransaction:
    message, other = transaction.message, Hash.from_string(blockhash)
    fields = (message.header, message.account_keys, other, message.instructions)
    if isinstance(message, MessageV0):
        replaced: Any = MessageV0(*fields, message.address_table_lookups)
    else:
        header = message.header
        replaced = Message.new_with_compiled_instructions(
            header.num_required_signatures,
            header.num_readonly_signed_accounts,
            header.num_readonly_unsigned_accounts,
            *fields[1:],
        )
    return VersionedTransaction.populate(replaced, [Signature.default()] * len(transaction.signatures))


def _landed_slot(options: Options, ledger: Ledger) -> int:
    if options.get("commitment") == "processed":
        raise invalid("Method does not support commitment below `confirmed`")
    return options.slot(ledger)


def _level(age: int) -> str:
    return next((level for level, least in reversed(AGES.items()) if age >= least), "processed")


def _found(landed: Landed, options: Options) -> Json:
    transaction = VersionedTransaction.from_bytes(landed.raw)
    is_legacy = isinstance(transaction.message, Message)
    accepts_versions = options.get("maxSupportedTransactionVersion") is not None
    if not is_legacy and not accepts_versions:
        raise RpcError(
            Code.UNSUPPORTED_VERSION,
            "Transaction version (0) is not supported by the requesting client. Please try the request again "
            'with the following configuration parameter: "maxSupportedTransactionVersion": 0',
        )
    found: Json = {
        "slot": landed.slot,
        "blockTime": landed.at,
        "transaction": _encoded(transaction, landed.raw, options.get("encoding") or "json"),
        "meta": landed.meta,
    }
    return found | {"version": "legacy" if is_legacy else 0} if accepts_versions else found


def _encoded(transaction: VersionedTransaction, raw: bytes, encoding: object) -> object:
    if encoding == "base64":
        return [base64.b64encode(raw).decode(), "base64"]
    if encoding == "base58":
        return [base58.b58encode(raw).decode(), "base58"]
    if encoding != "json":
        raise invalid(f"Invalid params: unknown variant `{encoding}`, expected json, base58 or base64.")
    message = transaction.message
    header = message.header
    content: Json = {
        "header": {
            "numRequiredSignatures": header.num_required_signatures,
            "numReadonlySignedAccounts": header.num_readonly_signed_accounts,
            "numReadonlyUnsignedAccounts": header.num_readonly_unsigned_accounts,
        },
        "accountKeys": [str(key) for key in message.account_keys],
        "recentBlockhash": str(message.recent_blockhash),
        "instructions": [compiled(each, 1) for each in message.instructions],
    }
    if isinstance(message, MessageV0):
        content["addressTableLookups"] = []
    return {"signatures": [str(each) for each in transaction.signatures], "message": content}
