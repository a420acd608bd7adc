"""What a venue's transaction would do to the wallet, compared with what the order says.

A venue sends a transaction that is ready but for our signature, and who signs it pays what it says. So it
is read first, instruction by instruction, and refused unless all of it is known and allowed: each refusal has
a code of its own, and nothing is signed.

What a program outside the basic ones does can't be read here. Such a program runs only if the setting allows
it, and then what it takes is proved by a simulation on the chain (`preflight.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from solders.message import Message, MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import SanitizeError, VersionedTransaction

from ...domain.errors import SigningRefused
from . import instructions as basic
from .instructions import ASSOCIATED, SIGNATURE_LAMPORTS, TOKEN

MOST_BYTES = 1232
DEFAULT_UNITS = 200_000  # compute units of each instruction where no limit is set
MOST_UNITS = 1_400_000
NATIVE = "So11111111111111111111111111111111111111112"
TOKEN_PROGRAMS = (TOKEN, "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb")
"""SPL Token, whose instructions are read, and Token-2022."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the wallet agrees to: to sell `amount_in` of `mint_in` for at least `minimum_out` of `mint_out`.

    Amounts are in base units. `memo` is the only text that may be in it, `blockhash` the one that its
    expiry is known of, `programs` may run beside the basic ones, and `max_fee` lamports may be paid to the
    network.
    """

    wallet: str
    mint_in: str
    mint_out: str
    amount_in: int
    minimum_out: int
    memo: str
    blockhash: str
    programs: frozenset[str] = frozenset()
    max_fee: int = 1_000_000


@dataclass(slots=True)
class Effects:
    """What the instructions do to the wallet, as far as they can be read."""

    sold: int = 0
    received: int = 0
    paid_to: set[str] = field(default_factory=set)  # token accounts that get what is sold
    received_from: set[str] = field(default_factory=set)  # who signs for what is received
    wrapped: int = 0  # lamports that become wrapped SOL
    fee: int = 0  # lamports that the network takes
    is_opaque: bool = False  # a program runs that can't be read


def inspect(raw: bytes, allowed: Allowed) -> Effects:
    """What the transaction does, which is what is allowed and no more. Raises SigningRefused."""
    transaction = parse(raw)
    message = transaction.message
    _check_signers(transaction, allowed.wallet)
    if str(message.recent_blockhash) != allowed.blockhash:
        raise _refused("its blockhash is not the one that its expiry is known of", code="BLOCKHASH_UNKNOWN")
    effects, fee = Effects(), _Fee(len(transaction.signatures), len(message.instructions))
    for instruction in message.instructions:
        program = _static(message, instruction.program_id_index)
        if program is None or program not in basic.BASIC | allowed.programs:
            raise _refused(f"it calls the program {program}", code="PROGRAM_NOT_ALLOWED")
        if program not in basic.BASIC:
            effects.is_opaque = True
            continue
        accounts = [_static(message, index) for index in instruction.accounts]
        if None in accounts:
            raise _refused(f"{program} uses accounts of a lookup table", code="INSTRUCTION_NOT_ALLOWED")
        found = basic.read(program, [account for account in accounts if account], bytes(instruction.data))
        _apply(found, allowed, effects, fee)
    effects.fee = fee.lamports
    _check_effects(effects, allowed)
    return effects


def parse(raw: bytes) -> VersionedTransaction:
    """The transaction in these bytes, and nothing else. Raises SigningRefused."""
    try:
        transaction = VersionedTransaction.from_bytes(raw)
        transaction.sanitize()
        whole = bytes(transaction) == raw
    except (SanitizeError, ValueError, TypeError) as error:
        raise _refused("it can't be read", code="TRANSACTION_MALFORMED") from error
    if not whole or len(raw) > MOST_BYTES:
        raise _refused("it is no transaction of Solana's", code="TRANSACTION_MALFORMED")
    return transaction


def token_account(owner: str, mint: str) -> str:
    """The associated token account of an owner and a mint."""
    seeds = [bytes(Pubkey.from_string(part)) for part in (owner, TOKEN, mint)]
    return str(Pubkey.find_program_address(seeds, Pubkey.from_string(ASSOCIATED))[0])


class _Fee:
    """What the network takes."""

    def __init__(self, signatures: int, instructions: int) -> None:
        self._signatures = signatures
        self.units = min(MOST_UNITS, DEFAULT_UNITS * instructions)
        self.micro_lamports = 0

    @property
    def lamports(self) -> int:
        return self._signatures * SIGNATURE_LAMPORTS + -(-self.units * self.micro_lamports // 1_000_000)


def _check_signers(transaction: VersionedTransaction, wallet: str) -> None:
    message = transaction.message
    keys = [str(key) for key in message.account_keys]
    if keys[0] != wallet:
        raise _refused(f"{keys[0]} would pay its fee", code="WRONG_FEE_PAYER")
    if transaction.signatures[0] != Signature.default():
        raise _refused("it is signed for us already", code="TRANSACTION_MALFORMED")
    if not all(transaction.verify_with_results()[1:]):
        raise _refused("another signer has not signed it, or signed something else", code="SIGNATURE_INVALID")


def _apply(found: basic.Instruction, allowed: Allowed, effects: Effects, fee: _Fee) -> None:
    wallet = allowed.wallet
    ours_in, ours_out = token_account(wallet, allowed.mint_in), token_account(wallet, allowed.mint_out)
    match found:
        case basic.ComputeUnits(limit):
            fee.units = limit
        case basic.ComputePrice(micro_lamports):
            fee.micro_lamports = micro_lamports
        case basic.ComputeLimit():
            pass
        case basic.Memo(text):
            if text != allowed.memo.encode():
                raise _refused("its memo is not the order's id", code="MEMO_NOT_ALLOWED")
        case basic.CreateAccount(payer, account, owner, mint):
            if payer == wallet and (owner != wallet or account not in (ours_in, ours_out)):
                raise _refused(
                    f"it makes us pay for {owner}'s account of {mint}", code="INSTRUCTION_NOT_ALLOWED"
                )
        case basic.SyncNative():
            pass
        case basic.CloseAccount(account, destination, authority):
            if authority == wallet and not (
                destination == wallet
                and account == token_account(wallet, NATIVE)
                and NATIVE in (allowed.mint_in, allowed.mint_out)
            ):
                raise _refused("it closes an account of ours", code="INSTRUCTION_NOT_ALLOWED")
        case basic.SystemTransfer(source, destination, lamports):
            if source == wallet:
                if allowed.mint_in != NATIVE or destination != ours_in:
                    raise _refused(f"it pays {lamports} lamports to {destination}", code="WRONG_DESTINATION")
                effects.wrapped += lamports
        case basic.Transfer():
            _transfer(found, allowed, effects, ours_in, ours_out)
        case basic.Other(program):
            raise _refused(
                f"it has an instruction of {program} that no swap needs", code="INSTRUCTION_NOT_ALLOWED"
            )


def _transfer(
    transfer: basic.Transfer, allowed: Allowed, effects: Effects, ours_in: str, ours_out: str
) -> None:
    expected = {ours_in: allowed.mint_in, ours_out: allowed.mint_out}
    for account in (transfer.source, transfer.destination):
        if transfer.mint is not None and transfer.mint != expected.get(account, transfer.mint):
            raise _refused(f"it moves {transfer.mint}", code="WRONG_MINT")
    if transfer.authority == allowed.wallet:
        if transfer.source == transfer.destination == ours_out:
            return  # the guard: it fails where the account holds less than its amount
        if transfer.source != ours_in:
            raise _refused("it takes tokens that the order does not sell", code="WRONG_AMOUNT_IN")
        effects.sold += transfer.amount
        effects.paid_to.add(transfer.destination)
    elif transfer.destination == ours_out != transfer.source:
        effects.received += transfer.amount
        effects.received_from.add(transfer.authority)


def _check_effects(effects: Effects, allowed: Allowed) -> None:
    if effects.fee > allowed.max_fee:
        raise _refused(f"it pays {effects.fee} lamports of fees", code="FEE_TOO_HIGH")
    if effects.sold > allowed.amount_in or effects.wrapped > allowed.amount_in:
        raise _refused(f"it sells {max(effects.sold, effects.wrapped)} base units", code="WRONG_AMOUNT_IN")
    if effects.is_opaque:
        return  # the simulation says the rest
    if effects.sold != allowed.amount_in:
        raise _refused(f"it sells {effects.sold} base units", code="WRONG_AMOUNT_IN")
    if effects.received < allowed.minimum_out:
        raise _refused(f"it gives {effects.received} base units", code="WRONG_AMOUNT_OUT")
    theirs = {token_account(signer, allowed.mint_in) for signer in effects.received_from}
    if not effects.paid_to <= theirs:
        raise _refused("what is sold goes to others than those who pay for it", code="WRONG_DESTINATION")


def _static(message: Message | MessageV0, index: int) -> str | None:
    """An account that the message names itself, None if a lookup table does."""
    return str(message.account_keys[index]) if index < len(message.account_keys) else None


def _refused(why: str, *, code: str) -> SigningRefused:
    return SigningRefused(f"The venue's transaction was not signed: {why}.", code=code)
