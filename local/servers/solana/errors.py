"""Errors of the JSON-RPC, with the codes of JSON-RPC 2.0 and of Solana's RPC node; and injected faults.

RpcError      the error that a call is answered with
ReplyLost     a fault: the work is done, and the connection ends without an answer
NoAnswer      a fault: the request is never answered
ServerFault   a fault: the request is answered with HTTP 500
"""

from __future__ import annotations

import re
from enum import IntEnum


class Code(IntEnum):
    """`error.code` of an answer."""

    SIMULATION_FAILED = -32002
    SIGNATURE_FAILED = -32003
    UNSUPPORTED_VERSION = -32015
    MIN_CONTEXT_SLOT_NOT_REACHED = -32016
    INVALID_REQUEST = -32600
    METHOD_NOT_FOUND = -32601
    INVALID_PARAMS = -32602
    INTERNAL = -32603
    PARSE = -32700


class RpcError(Exception):
    """A call that is answered with an error."""

    def __init__(self, code: Code, message: str, data: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data

    def content(self) -> dict[str, object]:
        """`error` of the answer."""
        content: dict[str, object] = {"code": int(self.code), "message": str(self)}
        return content if self.data is None else content | {"data": self.data}


class ReplyLost(Exception):
    """The work is done, and the connection ends without an answer."""


class NoAnswer(Exception):
    """The request is never answered."""


class ServerFault(Exception):
    """The request is answered with HTTP 500."""


def invalid(message: str) -> RpcError:
    """The error of wrong parameters."""
    return RpcError(Code.INVALID_PARAMS, message)


def sentence(err: object) -> str:
    """A TransactionError, given as the RPC writes it, as a node words it."""
    match err:
        case {"InstructionError": [index, {"Custom": code}]}:
            return f"Error processing Instruction {index}: custom program error: {code:#x}"
        case {"InstructionError": [index, reason]}:
            wording = _INSTRUCTION_ERRORS.get(str(reason)) or _words(reason)
            return f"Error processing Instruction {index}: {wording}"
        case {"InsufficientFundsForRent": {"account_index": index}}:
            return f"Transaction results in an account ({index}) with insufficient funds for rent"
    return _TRANSACTION_ERRORS.get(str(err)) or _words(err).capitalize()


_TRANSACTION_ERRORS = {
    "AccountNotFound": "Attempt to debit an account but found no record of a prior credit.",
    "AlreadyProcessed": "This transaction has already been processed",
    "BlockhashNotFound": "Blockhash not found",
    "InvalidProgramForExecution": "This program may not be used for executing instructions",
    "ProgramAccountNotFound": "Attempt to load a program that does not exist",
}
_INSTRUCTION_ERRORS = {
    "ComputationalBudgetExceeded": "Computational budget exceeded",
    "IncorrectProgramId": "incorrect program id for instruction",
    "InsufficientFunds": "insufficient funds for instruction",
    "InvalidAccountData": "invalid account data for instruction",
    "InvalidArgument": "invalid program argument",
    "MissingRequiredSignature": "missing required signature for instruction",
    "UninitializedAccount": "instruction requires an initialized account",
}


def _words(name: object) -> str:
    """`InvalidInstructionData` as `invalid instruction data`, which is the wording of most errors."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", str(name)).lower()
