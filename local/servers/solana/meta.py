"""A landed transaction's `meta`, as getTransaction returns it."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import base58
from solders.account import Account
from solders.pubkey import Pubkey
from solders.transaction_metadata import FailedTransactionMetadata, TransactionMetadata

from .accounts import Accounts
from .tokens import decimals_of, read_token, ui_amount

Json = dict[str, Any]
States = Sequence[Account | None]


def error_of(result: object) -> object:
    """Solana's TransactionError as the RPC writes it: None, "AccountNotFound", {"InstructionError": …}."""
    return json.loads(result.to_json())["err"] if isinstance(result, FailedTransactionMetadata) else None


def details_of(result: Any) -> TransactionMetadata:
    """The VM's logs, compute units and fee of a transaction, failed or not."""
    return result if isinstance(result, TransactionMetadata) else result.meta()


def meta_of(result: Any, keys: Sequence[Pubkey], before: States, after: States, accounts: Accounts) -> Json:
    """`meta` of a transaction with the account keys `keys`, whose states were `before` and are `after`."""
    err, details = error_of(result), details_of(result)
    meta = {
        "err": err,
        "status": {"Ok": None} if err is None else {"Err": err},
        "fee": details.fee(),
        "computeUnitsConsumed": details.compute_units_consumed(),
        "preBalances": [lamports(account) for account in before],
        "postBalances": [lamports(account) for account in after],
        "preTokenBalances": _token_balances(before, accounts),
        "postTokenBalances": _token_balances(after, accounts),
        "innerInstructions": inner_instructions(details),
        "logMessages": details.logs(),
        "loadedAddresses": {"writable": [], "readonly": []},
        "rewards": [],
    }
    returned = return_data(details)
    return meta if returned is None else meta | {"returnData": returned}


def lamports(account: Account | None) -> int:
    """The account's lamports, 0 if there is none."""
    return 0 if account is None else int(account.lamports)


def inner_instructions(details: TransactionMetadata) -> list[Json]:
    """The instructions that programs have called, by the index of the transaction's instruction."""
    found = []
    for index, calls in enumerate(details.inner_instructions()):
        if calls:
            inner = [compiled(each.instruction(), each.stack_height()) for each in calls]
            found.append({"index": index, "instructions": inner})
    return found


def compiled(instruction: Any, stack_height: int | None) -> Json:
    """An instruction as the RPC writes it: accounts by their indices, data in base58."""
    return {
        "programIdIndex": instruction.program_id_index,
        "accounts": list(instruction.accounts),
        "data": base58.b58encode(bytes(instruction.data)).decode(),
        "stackHeight": stack_height,
    }


def return_data(details: TransactionMetadata) -> Json | None:
    """The data that a program has returned, None if it is empty."""
    returned = details.return_data()
    if not returned.data:
        return None
    data = base64.b64encode(bytes(returned.data)).decode()
    return {"programId": str(returned.program_id), "data": [data, "base64"]}


def _token_balances(states: States, accounts: Accounts) -> list[Json]:
    balances = []
    for index, account in enumerate(states):
        token = read_token(account)
        if account is not None and token is not None:
            amount = ui_amount(token.amount, decimals_of(accounts, token.mint))
            amount["uiAmount"] = amount["uiAmount"] or None  # a node writes 0 as null here
            balances.append(
                {
                    "accountIndex": index,
                    "mint": str(token.mint),
                    "owner": str(token.owner),
                    "programId": str(account.owner),
                    "uiTokenAmount": amount,
                }
            )
    return balances
