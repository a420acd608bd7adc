"""What a simulation shows of the wallet where a program ran that can't be read, and what is refused."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
from chalicelib.adapters.solana.keys import WalletKey
from chalicelib.adapters.solana.preflight import Account, Preflight
from chalicelib.adapters.solana.wallet import Wallet
from chalicelib.domain.errors import AttemptFailed, SigningRefused, SlippageExceeded
from chalicelib.ports.trading import Prepared, Swap
from solders.instruction import Instruction
from solders.pubkey import Pubkey
from solders.token.state import TokenAccount, TokenAccountState

from .tampering import TOKEN_PROGRAM, offer, signing, token, writable

OFFER = offer(Random(5))
WALLET = OFFER.wallet.pubkey()
DEX = Pubkey.from_string("CPMMoo8L3F4NbTegBCKVNunggL7H1ZpdTHKxQB5qKP1C")
STRANGER = Pubkey(bytes(range(32)))
SOLD, BOUGHT, OTHER = (OFFER.account(OFFER.wallet, token(symbol)) for symbol in ("SOL", "USDC", "BONK"))
HELD = 10**16


def holding(symbol: str, amount: int = HELD, *, owner: Pubkey = WALLET, **more: Any) -> Account:
    state = TokenAccount(
        Pubkey.from_string(token(symbol).mint),
        owner,
        amount,
        more.get("delegate"),
        TokenAccountState.Initialized,
        None,
        more.get("delegated", 0),
        more.get("close_authority"),
    )
    return Account(2_039_280, str(TOKEN_PROGRAM), bytes(state))


BEFORE = {
    WALLET: Account(10**9),
    SOLD: holding("SOL"),
    BOUGHT: holding("USDC"),
    OTHER: holding("BONK"),
}
AFTER = {
    **BEFORE,
    WALLET: Account(10**9 - 10_000),
    SOLD: holding("SOL", HELD - OFFER.amount_in),
    BOUGHT: holding("USDC", HELD + OFFER.amount_out),
}


class Simulation:
    """A node on which the transaction leads from `before` to `after`."""

    def __init__(
        self, before: Mapping[Pubkey, Account], after: Mapping[Pubkey, Account], err: object
    ) -> None:
        self.before, self.after, self.err = before, after, err

    async def call(self, method: str, *params: Any) -> Any:
        if method == "getMultipleAccounts":
            return {"value": [_shown(self.before.get(Pubkey.from_string(each))) for each in params[0]]}
        assert method == "simulateTransaction"
        addresses = params[1]["accounts"]["addresses"]
        accounts = [_shown(self.after.get(Pubkey.from_string(each))) for each in addresses]
        return {"value": {"err": self.err, "accounts": accounts}}


def _shown(account: Account | None) -> Any:
    if account is None:
        return None
    data = base64.b64encode(account.data).decode()
    return {"lamports": account.lamports, "owner": account.program, "data": [data, "base64"]}


async def run(
    after: Mapping[Pubkey, Account] = AFTER,
    *,
    before: Mapping[Pubkey, Account] = BEFORE,
    err: object = None,
    is_dry: bool = False,
) -> None:
    """The preflight of a swap by a program that can't be read."""
    accounts = [writable(SOLD), writable(BOUGHT), writable(OTHER), signing(WALLET)]
    raw = OFFER.transaction([Instruction(DEX, b"swap", accounts)])
    prepared = Prepared(raw, str(OFFER.blockhash), 1)
    swap = Swap(
        "raydium", OFFER.token_in, OFFER.token_out, OFFER.amount_in, OFFER.minimum_out, prepared=prepared
    )
    wallet = Wallet(WalletKey(OFFER.wallet), programs=frozenset({str(DEX)}), max_fee=1_000_000)
    node: Any = Simulation(before, after, err)
    await Preflight(node, wallet, always=False, is_dry=is_dry).run(swap, OFFER.memo)


async def test_a_program_that_sells_and_gives_what_it_should_may_be_signed() -> None:
    await run()


async def test_an_account_that_the_transaction_creates_may_be_new() -> None:
    without = {address: account for address, account in BEFORE.items() if address != BOUGHT}
    await run({**AFTER, BOUGHT: holding("USDC", OFFER.amount_out)}, before=without)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({SOLD: holding("SOL", HELD - OFFER.amount_in - 1)}, "WRONG_AMOUNT_IN"),
        ({OTHER: holding("BONK", HELD - 1)}, "WRONG_AMOUNT_IN"),
        ({WALLET: Account(10**9 - 6_000_000)}, "FEE_TOO_HIGH"),
        ({WALLET: Account(10**9, str(DEX))}, "INSTRUCTION_NOT_ALLOWED"),
        ({OTHER: holding("BONK", owner=STRANGER)}, "INSTRUCTION_NOT_ALLOWED"),
        ({OTHER: holding("BONK", delegate=STRANGER, delegated=1)}, "INSTRUCTION_NOT_ALLOWED"),
        ({SOLD: holding("SOL", HELD - OFFER.amount_in, delegate=STRANGER)}, "INSTRUCTION_NOT_ALLOWED"),
        (
            {BOUGHT: holding("USDC", HELD + OFFER.amount_out, close_authority=STRANGER)},
            "INSTRUCTION_NOT_ALLOWED",
        ),
        ({BOUGHT: holding("USDC", HELD + OFFER.minimum_out - 1)}, "SLIPPAGE_EXCEEDED"),
    ],
)
async def test_what_a_program_would_do_beside_the_swap_is_refused(
    changed: Mapping[Pubkey, Account], code: str
) -> None:
    with pytest.raises(AttemptFailed) as refused:
        await run({**AFTER, **changed})
    assert refused.value.code == code


async def test_a_new_account_that_others_have_a_right_to_is_refused() -> None:
    without = {address: account for address, account in BEFORE.items() if address != BOUGHT}
    new = holding("USDC", OFFER.amount_out, delegate=STRANGER)
    with pytest.raises(SigningRefused) as refused:
        await run({**AFTER, BOUGHT: new}, before=without)
    assert refused.value.code == "INSTRUCTION_NOT_ALLOWED"


async def test_a_transaction_that_would_fail_is_not_signed() -> None:
    with pytest.raises(SlippageExceeded):
        await run(err={"InstructionError": [0, {"Custom": 6005}]})


async def test_a_dry_run_says_what_it_would_have_given() -> None:
    with pytest.raises(SigningRefused, match=OFFER.token_out.text(OFFER.amount_out)) as refused:
        await run(is_dry=True)
    assert refused.value.code == "DRY_RUN"
