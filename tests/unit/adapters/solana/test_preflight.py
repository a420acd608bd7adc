"""What a simulation shows of the wallet where a program ran that can't be read, and what is refused."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any, cast

import pytest
from chalicelib.adapters.solana.keys import WalletKey
from chalicelib.adapters.solana.preflight import Account, Preflight
from chalicelib.adapters.solana.rpc import Rpc
from chalicelib.adapters.solana.wallet import Wallet
from chalicelib.domain.errors import (
    AttemptFailed,
    BlockhashExpired,
    ChainUnavailable,
    SigningRefused,
    SlippageExceeded,
)
from chalicelib.ports.trading import Prepared, Swap
from solders.instruction import Instruction
from solders.pubkey import Pubkey
from solders.token.state import TokenAccount, TokenAccountState

from .tampering import TOKEN_PROGRAM, Offer, offer, signing, token, writable

OFFER = offer(Random(5))
WALLET = OFFER.wallet.pubkey()
DEX = Pubkey.from_string("CPMMoo8L3F4NbTegBCKVNunggL7H1ZpdTHKxQB5qKP1C")
STRANGER = Pubkey(bytes(range(32)))
SOLD, BOUGHT, OTHER = (OFFER.account(OFFER.wallet, token(symbol)) for symbol in ("SOL", "USDC", "BONK"))
HELD = 10**16
RENT = 2_039_280
FEE = 5_000  # of one signature
LAMPORTS = 10**16


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
    return Account(RENT + (amount if symbol == "SOL" else 0), str(TOKEN_PROGRAM), bytes(state))


BEFORE = {
    WALLET: Account(LAMPORTS),
    SOLD: holding("SOL"),
    BOUGHT: holding("USDC"),
    OTHER: holding("BONK"),
}
AFTER = {
    **BEFORE,
    WALLET: Account(LAMPORTS - FEE),
    SOLD: holding("SOL", HELD - OFFER.amount_in),
    BOUGHT: holding("USDC", HELD + OFFER.amount_out),
}


class Simulation:
    """A node on which the transaction leads from `before` to `after`."""

    def __init__(
        self, before: Mapping[Pubkey, Account], after: Mapping[Pubkey, Account], err: object
    ) -> None:
        self.before, self.after, self.err = before, after, err
        self.landing: list[
            Mapping[Pubkey, Account]
        ] = []  # what others' transactions change, one a simulation

    async def call(self, method: str, *params: Any) -> Any:
        if method == "getMultipleAccounts":
            return {"value": [_shown(self.before.get(Pubkey.from_string(each))) for each in params[0]]}
        assert method == "simulateTransaction"
        if self.landing:
            landed = self.landing.pop()
            self.before, self.after = {**self.before, **landed}, {**self.after, **landed}
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
    given: Offer = OFFER,
    landing: Sequence[Mapping[Pubkey, Account]] = (),
) -> None:
    """The preflight of a swap by a program that can't be read."""
    accounts = [writable(SOLD), writable(BOUGHT), writable(OTHER), signing(WALLET)]
    raw = given.transaction([Instruction(DEX, b"swap", accounts)])
    prepared = Prepared(raw, str(given.blockhash), 1)
    swap = Swap(
        "raydium", given.token_in, given.token_out, given.amount_in, given.minimum_out, prepared=prepared
    )
    wallet = Wallet(WalletKey(OFFER.wallet), programs=frozenset({str(DEX)}), max_fee=1_000_000)
    node = Simulation(before, after, err)
    node.landing += landing
    await Preflight(cast(Rpc, node), wallet, always=False, is_dry=is_dry).run(swap, OFFER.memo)


async def test_a_program_that_sells_and_gives_what_it_should_may_be_signed() -> None:
    await run()


async def test_an_account_that_the_transaction_creates_may_be_new() -> None:
    await run({**AFTER, BOUGHT: holding("USDC", OFFER.amount_out)}, before=without(BEFORE, BOUGHT))


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({SOLD: holding("SOL", HELD - OFFER.amount_in - 1)}, "WRONG_AMOUNT_IN"),
        ({OTHER: holding("BONK", HELD - 1)}, "WRONG_AMOUNT_IN"),
        ({WALLET: Account(LAMPORTS - FEE - 1)}, "WRONG_AMOUNT_IN"),  # SOL, which the order sells
        ({WALLET: Account(LAMPORTS, str(DEX))}, "INSTRUCTION_NOT_ALLOWED"),
        # A nonce account, whose authority withdraws what the wallet holds.
        ({WALLET: Account(LAMPORTS - FEE, data=bytes(80))}, "INSTRUCTION_NOT_ALLOWED"),
        # An account of another program, whose data say what they like.
        (
            {BOUGHT: replace(holding("USDC", HELD + OFFER.amount_out), program=str(DEX))},
            "INSTRUCTION_NOT_ALLOWED",
        ),
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


BUYS_SOL = replace(OFFER, token_in=token("USDC"), token_out=token("SOL"))
BUYS_BONK = replace(OFFER, token_in=token("USDC"), token_out=token("BONK"))


def without(accounts: Mapping[Pubkey, Account], *gone: Pubkey) -> dict[Pubkey, Account]:
    return {address: account for address, account in accounts.items() if address not in gone}


async def test_sol_may_be_wrapped_on_the_way_and_no_more_of_it_than_is_sold() -> None:
    before, after = without(BEFORE, SOLD), without(AFTER, SOLD)
    left = LAMPORTS - OFFER.amount_in - FEE
    await run({**after, WALLET: Account(left)}, before=before)
    with pytest.raises(SigningRefused) as refused:
        await run({**after, WALLET: Account(left - 1)}, before=before)
    assert refused.value.code == "WRONG_AMOUNT_IN"


async def test_wrapped_sol_that_is_left_may_be_unwrapped() -> None:
    unwrapped = Account(LAMPORTS - FEE + HELD - OFFER.amount_in + RENT)
    await run({**without(AFTER, SOLD), WALLET: unwrapped})


async def test_sol_that_is_bought_and_unwrapped_is_the_minimum_at_least() -> None:
    after = {**without(BEFORE, SOLD), BOUGHT: holding("USDC", HELD - OFFER.amount_in)}
    least = LAMPORTS - FEE + HELD + RENT + OFFER.minimum_out
    await run({**after, WALLET: Account(least)}, given=BUYS_SOL)
    with pytest.raises(SlippageExceeded):
        await run({**after, WALLET: Account(least - 1)}, given=BUYS_SOL)


async def test_lamports_pay_the_fee_and_some_rent_alone_where_no_sol_is_traded() -> None:
    traded = {
        BOUGHT: holding("USDC", HELD - OFFER.amount_in),
        OTHER: holding("BONK", HELD + OFFER.amount_out),
    }
    left = LAMPORTS - FEE - 2 * RENT
    await run({**BEFORE, **traded, WALLET: Account(left)}, given=BUYS_BONK)
    with pytest.raises(SigningRefused) as refused:
        await run({**BEFORE, **traded, WALLET: Account(left - 1)}, given=BUYS_BONK)
    assert refused.value.code == "FEE_TOO_HIGH"


async def test_a_new_account_that_others_have_a_right_to_is_refused() -> None:
    new = holding("USDC", OFFER.amount_out, delegate=STRANGER)
    with pytest.raises(SigningRefused) as refused:
        await run({**AFTER, BOUGHT: new}, before=without(BEFORE, BOUGHT))
    assert refused.value.code == "INSTRUCTION_NOT_ALLOWED"


async def test_what_another_order_changes_meanwhile_is_not_taken_for_the_transactions_doing() -> None:
    bought = {BOUGHT: holding("USDC", HELD + OFFER.amount_out)}  # by another order; this one gives nothing
    after = {**AFTER, BOUGHT: BEFORE[BOUGHT]}
    with pytest.raises(SlippageExceeded):
        await run(after, landing=[bought])
    sold = {OTHER: holding("BONK", HELD - 1)}
    await run(landing=[sold, {OTHER: holding("BONK", HELD - 2)}])


async def test_accounts_that_never_stay_as_they_are_end_the_attempt() -> None:
    landing = [{OTHER: holding("BONK", HELD - each)} for each in range(10)]
    with pytest.raises(ChainUnavailable, match="Other transactions"):
        await run(landing=landing)


@pytest.mark.parametrize("shown", [{}, {"lamports": 1, "owner": "x", "data": []}, "account", 7])
async def test_an_answer_of_another_form_is_none(shown: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}._shown", lambda account: shown)
    with pytest.raises(ChainUnavailable):
        await run()


@pytest.mark.parametrize(
    ("err", "error"),
    [
        ({"InstructionError": [0, {"Custom": 6005}]}, SlippageExceeded),
        ("BlockhashNotFound", BlockhashExpired),
    ],
)
async def test_a_transaction_that_would_fail_is_not_signed(err: object, error: type[AttemptFailed]) -> None:
    with pytest.raises(error):
        await run(err=err)


async def test_a_dry_run_says_what_it_would_have_given() -> None:
    with pytest.raises(SigningRefused, match=OFFER.token_out.text(OFFER.amount_out)) as refused:
        await run(is_dry=True)
    assert refused.value.code == "DRY_RUN"
