"""The RPC's methods that read accounts, each from the newest slot of its commitment."""

from __future__ import annotations

import base64
from typing import Any

import base58
from solders.account import Account
from solders.pubkey import Pubkey

from . import params, zstd
from .accounts import Accounts
from .errors import Code, RpcError, invalid
from .ledger import Ledger
from .params import Options, Params
from .tokens import TOKEN_2022, TOKEN_PROGRAM, decimals_of, parsed, read_mint, read_token, ui_amount

API_VERSION = "2.3.0"
"""The version of Agave whose RPC this node follows."""
MOST_DATA = 10 * 1024 * 1024  # bytes of an account's data
MOST_ACCOUNTS = 100  # of getMultipleAccounts
MOST_BASE58 = 128  # bytes of an account's data in base58

Json = dict[str, Any]


class AccountMethods:
    """`methods` has them by their names on the wire."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._accounts = ledger.accounts
        self.methods = {
            "getAccountInfo": self.account_info,
            "getBalance": self.balance,
            "getMinimumBalanceForRentExemption": self.minimum_balance,
            "getMultipleAccounts": self.multiple_accounts,
            "getTokenAccountBalance": self.token_balance,
            "getTokenAccountsByOwner": self.token_accounts,
            "getTokenSupply": self.token_supply,
        }

    def balance(self, given: Params) -> Json:
        """Lamports of an address."""
        slot = given.object(1).slot(self._ledger)
        account = self._accounts.get(given.address(0), slot)
        return context(slot, 0 if account is None else account.lamports)

    def account_info(self, given: Params) -> Json:
        """The account at an address, null if there is none."""
        options = given.object(1)
        slot = options.slot(self._ledger)
        return context(slot, self._shown(given.address(0), slot, options))

    def multiple_accounts(self, given: Params) -> Json:
        """The accounts at up to 100 addresses."""
        options, texts = given.object(1), given.texts(0)
        if len(texts) > MOST_ACCOUNTS:
            raise invalid(f"Too many inputs provided; max {MOST_ACCOUNTS}")
        slot = options.slot(self._ledger)
        addresses = [params.address(text) for text in texts]
        return context(slot, [self._shown(address, slot, options) for address in addresses])

    def minimum_balance(self, given: Params) -> int:
        """Lamports that exempt an account with so many bytes of data from rent."""
        size = given.number(0)
        if size > MOST_DATA:
            raise RpcError(Code.INVALID_REQUEST, "Invalid request")
        return self._ledger.minimum_balance(size)

    def token_balance(self, given: Params) -> Json:
        """The amount in a token account."""
        slot = given.object(1).slot(self._ledger)
        account = self._accounts.get(given.address(0), slot)
        if account is None:
            raise invalid("Invalid param: could not find account")
        token = read_token(account)
        if token is None:
            raise invalid("Invalid param: not a Token account")
        return context(slot, ui_amount(token.amount, decimals_of(self._accounts, token.mint)))

    def token_supply(self, given: Params) -> Json:
        """The supply of a mint."""
        slot = given.object(1).slot(self._ledger)
        mint = read_mint(self._accounts.get(given.address(0), slot))
        if mint is None:
            raise invalid("Invalid param: could not find mint")
        return context(slot, ui_amount(mint.supply, mint.decimals))

    def token_accounts(self, given: Params) -> Json:
        """An owner's token accounts of a mint, or of a token program."""
        owner, options = given.address(0), given.object(2)
        slot = options.slot(self._ledger)
        program, mint = self._filter(given.object(1), slot)
        found = []
        for address, account in self._accounts.of_program(program, slot):
            token = read_token(account)
            if token is not None and token.owner == owner and mint in (None, token.mint):
                found.append({"pubkey": str(address), "account": shown(account, options, self._accounts)})
        return context(slot, found)

    def _filter(self, wanted: Options, slot: int) -> tuple[Pubkey, Pubkey | None]:
        """The token program, and the only mint or None."""
        if "mint" in wanted:
            mint = params.address(wanted["mint"])
            account = self._accounts.get(mint, slot)
            if account is None or read_mint(account) is None:
                raise invalid("Invalid param: could not find mint")
            return account.owner, mint
        if "programId" in wanted:
            program = params.address(wanted["programId"])
            if program not in (TOKEN_PROGRAM, TOKEN_2022):
                raise invalid("Invalid param: unrecognized Token program id")
            return program, None
        raise invalid("Invalid params: expected mint or programId.")

    def _shown(self, address: Pubkey, slot: int, options: Options) -> Json | None:
        account = self._accounts.get(address, slot)
        return None if account is None else shown(account, options, self._accounts)


def context(slot: int, value: object) -> Json:
    """A result and the slot that it was read from."""
    return {"context": {"apiVersion": API_VERSION, "slot": slot}, "value": value}


def shown(account: Account, options: Options, accounts: Accounts) -> Json:
    """An account in the encoding of the options."""
    return {
        "lamports": account.lamports,
        "owner": str(account.owner),
        "executable": account.executable,
        "rentEpoch": 2**64 - 1,
        "space": len(account.data),
        "data": _data(account, options, accounts),
    }


def _data(account: Account, options: Options, accounts: Accounts) -> object:
    encoding = options.get("encoding")
    if encoding == "jsonParsed" and (found := parsed(account, accounts)) is not None:
        return found
    part = options.object("dataSlice")
    offset = part.number("offset", 0)
    data = bytes(account.data)[offset : offset + part.number("length", len(account.data))]
    if encoding in ("base64", "jsonParsed"):
        return [base64.b64encode(data).decode(), "base64"]
    if encoding == "base64+zstd":
        return [base64.b64encode(zstd.frame(data)).decode(), encoding]
    if encoding not in (None, "binary", "base58"):
        raise invalid(
            f"Invalid params: unknown variant `{encoding}`, expected one of `binary`, `base64`, `base58`, "
            "`jsonParsed`, `base64+zstd`"
        )
    if len(data) > MOST_BASE58:
        raise RpcError(
            Code.INVALID_REQUEST,
            "Encoded binary (base 58) data should be less than 128 bytes, please use Base64 encoding.",
        )
    text = base58.b58encode(data).decode()
    return [text, "base58"] if encoding == "base58" else text  # a node's default, older than named encodings
