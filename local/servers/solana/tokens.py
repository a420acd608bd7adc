"""SPL Token's accounts: addresses, layout, and the RPC's encoding jsonParsed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from chalicelib.domain.tokens import plain
from solders.account import Account
from solders.pubkey import Pubkey
from solders.token.associated import get_associated_token_address
from solders.token.state import Mint, TokenAccount, TokenAccountState

from .accounts import Accounts

TOKEN_PROGRAM = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
TOKEN_2022 = Pubkey.from_string("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb")
ATA_PROGRAM = Pubkey.from_string("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")
NATIVE_MINT = Pubkey.from_string("So11111111111111111111111111111111111111112")
TOKEN_ACCOUNT_RENT = 2_039_280
"""Lamports that keep a token account from paying rent."""

_ACCOUNT_BYTES, _MINT_BYTES = 165, 82
_STATE_AT = 108  # byte of a token account's data with its state
_INITIALIZED_AT = 45  # byte of a mint's data
# Token-2022 extends either to more than 165 bytes. This byte then says which of the two it is.
_TYPE_AT, _MINT_TYPE, _ACCOUNT_TYPE = 165, 1, 2

Ui = dict[str, Any]


def ata(owner: Pubkey, mint: Pubkey) -> Pubkey:
    """The address of the owner's associated token account."""
    return get_associated_token_address(owner, mint, TOKEN_PROGRAM)


def mint_account(authority: Pubkey, supply: int, decimals: int) -> Account:
    """A mint without freeze authority."""
    return Account(
        1_461_600,
        bytes(Mint(authority, supply, decimals, is_initialized=True)),
        TOKEN_PROGRAM,
        False,
        2**64 - 1,
    )


def token_account(owner: Pubkey, mint: Pubkey, amount: int) -> Account:
    """A token account with `amount` base units, which for the native mint are lamports beside its rent."""
    is_native = mint == NATIVE_MINT
    state = TokenAccount(
        mint,
        owner,
        amount,
        None,
        TokenAccountState.Initialized,
        TOKEN_ACCOUNT_RENT if is_native else None,
        0,
    )
    lamports = TOKEN_ACCOUNT_RENT + (amount if is_native else 0)
    return Account(lamports, bytes(state), TOKEN_PROGRAM, False, 2**64 - 1)


def read_token(account: Account | None) -> TokenAccount | None:
    """The contents of an initialized token account; None for any other account."""
    if account is None or not _is_kind(account, _ACCOUNT_BYTES, _ACCOUNT_TYPE):
        return None
    data = account.data[:_ACCOUNT_BYTES]
    return TokenAccount.from_bytes(data) if data[_STATE_AT] else None


def read_mint(account: Account | None) -> Mint | None:
    """The contents of an initialized mint; None for any other account."""
    if account is None or not _is_kind(account, _MINT_BYTES, _MINT_TYPE):
        return None
    data = account.data[:_MINT_BYTES]
    return Mint.from_bytes(data) if data[_INITIALIZED_AT] else None


def _is_kind(account: Account, size: int, kind: int) -> bool:
    if account.owner not in (TOKEN_PROGRAM, TOKEN_2022):
        return False
    if len(account.data) == size:
        return True
    is_extended = account.owner == TOKEN_2022 and len(account.data) > _TYPE_AT
    return bool(is_extended and account.data[_TYPE_AT] == kind)


def decimals_of(accounts: Accounts, mint: Pubkey) -> int:
    """The decimals of a mint, 0 if it does not exist."""
    found = read_mint(accounts.get(mint))
    return int(found.decimals) if found else 0


def ui_amount(amount: int, decimals: int) -> Ui:
    """Base units as the RPC writes them."""
    exact = Decimal(amount).scaleb(-decimals)
    return {
        "amount": str(amount),
        "decimals": decimals,
        "uiAmount": float(exact),
        "uiAmountString": plain(exact),
    }


def parsed(account: Account, accounts: Accounts) -> Ui | None:
    """`data` of a token account or a mint in the encoding jsonParsed; None for any other account."""
    if (token := read_token(account)) is not None:
        kind, info = "account", _token_info(token, decimals_of(accounts, token.mint))
    elif (mint := read_mint(account)) is not None:
        kind, info = "mint", _mint_info(mint)
    else:
        return None
    program = "spl-token" if account.owner == TOKEN_PROGRAM else "spl-token-2022"
    return {"program": program, "parsed": {"type": kind, "info": info}, "space": len(account.data)}


def _token_info(token: TokenAccount, decimals: int) -> Ui:
    info = {
        "isNative": token.is_native is not None,
        "mint": str(token.mint),
        "owner": str(token.owner),
        "state": "frozen" if token.state == TokenAccountState.Frozen else "initialized",
        "tokenAmount": ui_amount(token.amount, decimals),
    }
    if token.is_native is not None:
        info["rentExemptReserve"] = ui_amount(token.is_native, 9)
    if token.delegate is not None:
        info["delegate"] = str(token.delegate)
        info["delegatedAmount"] = ui_amount(token.delegated_amount, decimals)
    if token.close_authority is not None:
        info["closeAuthority"] = str(token.close_authority)
    return info


def _mint_info(mint: Mint) -> Ui:
    return {
        "mintAuthority": _address(mint.mint_authority),
        "supply": str(mint.supply),
        "decimals": mint.decimals,
        "isInitialized": mint.is_initialized,
        "freezeAuthority": _address(mint.freeze_authority),
    }


def _address(address: Pubkey | None) -> str | None:
    return None if address is None else str(address)
