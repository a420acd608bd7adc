"""What a dishonest venue may do to the transaction of a swap, and the code that each of it is refused with.

A mutation takes the instructions of an honest transaction and gives others; the venue signs what comes of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from chalicelib.adapters.solana.inspection import Allowed
from chalicelib.domain.tokens import Token, find_token
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.system_program import TransferParams, transfer
from solders.token.associated import get_associated_token_address
from solders.transaction import VersionedTransaction

TOKEN_PROGRAM = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
ATA_PROGRAM = Pubkey.from_string("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")
MEMO_PROGRAM = Pubkey.from_string("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr")
SYSTEM_PROGRAM = Pubkey.default()
UNITS = 50_000


def token(symbol: str) -> Token:
    found = find_token(symbol)
    assert found is not None
    return found


@dataclass(frozen=True)
class Offer:
    """A swap that a venue offers, and the keys of both sides."""

    wallet: Keypair
    venue: Keypair
    amount_in: int
    amount_out: int
    minimum_out: int
    memo: str = "0d5e3b52-0c0e-4f0b-9f0e-3a4de2a1c0aa"
    blockhash: Hash = Hash.hash(b"known")  # noqa: RUF009 - a constant
    token_in: Token = token("SOL")  # noqa: RUF009
    token_out: Token = token("USDC")  # noqa: RUF009

    @property
    def allowed(self) -> Allowed:
        """What the order allows."""
        return Allowed(
            str(self.wallet.pubkey()),
            self.token_in.mint,
            self.token_out.mint,
            self.amount_in,
            self.minimum_out,
            self.memo,
            str(self.blockhash),
        )

    def account(self, owner: Keypair, of: Token) -> Pubkey:
        """The token account of an owner."""
        return get_associated_token_address(owner.pubkey(), Pubkey.from_string(of.mint), TOKEN_PROGRAM)

    def instructions(self) -> list[Instruction]:
        """An honest transaction's."""
        receiving = self.account(self.wallet, self.token_out)
        return [
            set_compute_unit_limit(UNITS),
            set_compute_unit_price(200_000),
            create_account(self.wallet.pubkey(), self.wallet.pubkey(), self.token_out),
            transfer_checked(
                self.token_in,
                self.amount_in,
                self.account(self.wallet, self.token_in),
                self.account(self.venue, self.token_in),
                self.wallet.pubkey(),
            ),
            transfer_checked(
                self.token_out,
                self.amount_out,
                self.account(self.venue, self.token_out),
                receiving,
                self.venue.pubkey(),
            ),
            plain_transfer(self.minimum_out, receiving, receiving, self.wallet.pubkey()),
            Instruction(MEMO_PROGRAM, self.memo.encode(), []),
        ]

    def transaction(
        self,
        instructions: list[Instruction] | None = None,
        *,
        payer: Pubkey | None = None,
        blockhash: Hash | None = None,
    ) -> bytes:
        """Signed by the venue, with zeros for the wallet's signature and for those of others."""
        message = MessageV0.try_compile(
            payer or self.wallet.pubkey(),
            self.instructions() if instructions is None else instructions,
            [],
            blockhash or self.blockhash,
        )
        return signed_by_venue(message, self.venue)


def offer(random: Random) -> Offer:
    """Some swap, at some price."""
    amount_out = random.randrange(1_000, 10**12)
    return Offer(
        Keypair.from_seed(random.randbytes(32)),
        Keypair.from_seed(random.randbytes(32)),
        random.randrange(1, 10**15),
        amount_out,
        amount_out * random.randrange(9_000, 10_001) // 10_000,
    )


def signed_by_venue(message: MessageV0, venue: Keypair) -> bytes:
    """The message with the venue's signature, where it is one of its signers."""
    signers = message.account_keys[: message.header.num_required_signatures]
    signature = venue.sign_message(to_bytes_versioned(message))
    signatures = [signature if key == venue.pubkey() else Signature.default() for key in signers]
    return bytes(VersionedTransaction.populate(message, signatures))


def create_account(payer: Pubkey, owner: Pubkey, of: Token) -> Instruction:
    mint = Pubkey.from_string(of.mint)
    accounts = [
        AccountMeta(payer, is_signer=True, is_writable=True),
        writable(get_associated_token_address(owner, mint, TOKEN_PROGRAM)),
        readable(owner),
        readable(mint),
        readable(SYSTEM_PROGRAM),
        readable(TOKEN_PROGRAM),
    ]
    return Instruction(ATA_PROGRAM, b"\x01", accounts)


def transfer_checked(
    of: Token, amount: int, source: Pubkey, destination: Pubkey, authority: Pubkey
) -> Instruction:
    accounts = [
        writable(source),
        readable(Pubkey.from_string(of.mint)),
        writable(destination),
        signing(authority),
    ]
    return Instruction(TOKEN_PROGRAM, b"\x0c" + _u64(amount) + bytes([of.decimals]), accounts)


def plain_transfer(amount: int, source: Pubkey, destination: Pubkey, authority: Pubkey) -> Instruction:
    accounts = [writable(source), writable(destination), signing(authority)]
    return Instruction(TOKEN_PROGRAM, b"\x03" + _u64(amount), accounts)


def writable(address: Pubkey) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=True)


def readable(address: Pubkey) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=False)


def signing(address: Pubkey) -> AccountMeta:
    return AccountMeta(address, is_signer=True, is_writable=False)


def _u64(number: int) -> bytes:
    return number.to_bytes(8, "little")


def _stranger(random: Random) -> Keypair:
    return Keypair.from_seed(random.randbytes(32))


Mutation = Callable[[Offer, Random], bytes]
SELLS, PAYS, GUARD = 3, 4, 5  # instructions of the honest transaction


def _with(given: Offer, position: int, instruction: Instruction) -> bytes:
    instructions = given.instructions()
    instructions[position] = instruction
    return given.transaction(instructions)


def _and(given: Offer, random: Random, extra: Instruction) -> bytes:
    instructions = given.instructions()
    instructions.insert(random.randrange(len(instructions) + 1), extra)
    return given.transaction(instructions)


def sells_more(given: Offer, random: Random) -> bytes:
    return given_other(given, amount_in=given.amount_in + random.randrange(1, 10**12))


def sells_less(given: Offer, random: Random) -> bytes:
    return given_other(given, amount_in=random.randrange(given.amount_in))


def sells_twice(given: Offer, random: Random) -> bytes:
    return _and(given, random, given.instructions()[SELLS])


def pays_too_little(given: Offer, random: Random) -> bytes:
    return given_other(given, amount_out=random.randrange(given.minimum_out))


def pays_nothing(given: Offer, random: Random) -> bytes:
    instructions = given.instructions()
    del instructions[PAYS]
    return given.transaction(instructions)


def given_other(given: Offer, **terms: int) -> bytes:
    """The honest transaction of another offer."""
    other = replace(given, **terms)  # type: ignore[arg-type]
    return given.transaction(other.instructions())


def sends_to_a_stranger(given: Offer, random: Random) -> bytes:
    theirs = given.account(_stranger(random), given.token_in)
    ours = given.account(given.wallet, given.token_in)
    return _with(
        given, SELLS, transfer_checked(given.token_in, given.amount_in, ours, theirs, given.wallet.pubkey())
    )


def pays_a_stranger(given: Offer, random: Random) -> bytes:
    theirs = given.account(_stranger(random), given.token_out)
    source = given.account(given.venue, given.token_out)
    return _with(
        given, PAYS, transfer_checked(given.token_out, given.amount_out, source, theirs, given.venue.pubkey())
    )


def pays_from_our_own_account(given: Offer, random: Random) -> bytes:
    """As a delegate of it could, whom the chain lets move its tokens to itself."""
    ours = given.account(given.wallet, given.token_out)
    return _with(given, PAYS, plain_transfer(given.amount_out, ours, ours, given.venue.pubkey()))


def sells_another_token(given: Offer, random: Random) -> bytes:
    other = token(random.choice(("USDT", "RAY", "BONK", "JTO")))
    source, destination = given.account(given.wallet, other), given.account(given.venue, other)
    return _with(
        given, SELLS, transfer_checked(other, given.amount_in, source, destination, given.wallet.pubkey())
    )


def takes_another_token_too(given: Offer, random: Random) -> bytes:
    other = token(random.choice(("USDT", "RAY", "BONK", "JTO")))
    source, destination = given.account(given.wallet, other), given.account(given.venue, other)
    amount = random.randrange(1, 2**63)
    return _and(given, random, plain_transfer(amount, source, destination, given.wallet.pubkey()))


def takes_back_what_it_paid(given: Offer, random: Random) -> bytes:
    source = given.account(given.wallet, given.token_out)
    destination = given.account(given.venue, given.token_out)
    amount = random.randrange(1, given.amount_out + 1)
    return _and(given, random, plain_transfer(amount, source, destination, given.wallet.pubkey()))


def takes_lamports(given: Offer, random: Random) -> bytes:
    to = random.choice((given.venue, _stranger(random))).pubkey()
    lamports = random.randrange(1, 10**12)
    return _and(
        given,
        random,
        transfer(TransferParams(from_pubkey=given.wallet.pubkey(), to_pubkey=to, lamports=lamports)),
    )


def becomes_a_delegate(given: Offer, random: Random) -> bytes:
    """Approve, or ApproveChecked: the venue may take tokens from then on."""
    account = given.account(given.wallet, random.choice((given.token_in, given.token_out)))
    accounts = [writable(account), readable(given.venue.pubkey()), signing(given.wallet.pubkey())]
    return _and(given, random, Instruction(TOKEN_PROGRAM, b"\x04" + _u64(2**64 - 1), accounts))


def becomes_the_owner(given: Offer, random: Random) -> bytes:
    """SetAuthority: the account is the venue's from then on."""
    account = given.account(given.wallet, random.choice((given.token_in, given.token_out)))
    data = b"\x06" + bytes([random.choice((2, 3)), 1]) + bytes(given.venue.pubkey())
    return _and(
        given, random, Instruction(TOKEN_PROGRAM, data, [writable(account), signing(given.wallet.pubkey())])
    )


def closes_an_account(given: Offer, random: Random) -> bytes:
    accounts = [
        writable(given.account(given.wallet, given.token_out)),
        writable(random.choice((given.venue, given.wallet)).pubkey()),
        signing(given.wallet.pubkey()),
    ]
    return _and(given, random, Instruction(TOKEN_PROGRAM, b"\x09", accounts))


def burns(given: Offer, random: Random) -> bytes:
    account = given.account(given.wallet, given.token_out)
    accounts = [
        writable(account),
        writable(Pubkey.from_string(given.token_out.mint)),
        signing(given.wallet.pubkey()),
    ]
    return _and(given, random, Instruction(TOKEN_PROGRAM, b"\x08" + _u64(1), accounts))


def assigns_the_wallet(given: Offer, random: Random) -> bytes:
    """System's Assign: the wallet's lamports are another program's from then on."""
    data = (1).to_bytes(4, "little") + bytes(_stranger(random).pubkey())
    wallet = AccountMeta(given.wallet.pubkey(), is_signer=True, is_writable=True)
    return _and(given, random, Instruction(SYSTEM_PROGRAM, data, [wallet]))


def uses_a_durable_nonce(given: Offer, random: Random) -> bytes:
    """AdvanceNonceAccount comes first, and the transaction can then land at any later time."""
    nonce = _stranger(random).pubkey()
    recent = Pubkey.from_string("SysvarRecentB1ockHashes11111111111111111111")
    accounts = [writable(nonce), readable(recent), signing(given.venue.pubkey())]
    advance = Instruction(SYSTEM_PROGRAM, (4).to_bytes(4, "little"), accounts)
    return given.transaction([advance, *given.instructions()])


def calls_an_unknown_program(given: Offer, random: Random) -> bytes:
    accounts = [
        writable(given.account(given.wallet, given.token_in)),
        signing(given.wallet.pubkey()),
    ]
    program = _stranger(random).pubkey()
    return _and(given, random, Instruction(program, random.randbytes(random.randrange(64)), accounts))


def makes_us_pay_for_an_account(given: Offer, random: Random) -> bytes:
    owner = random.choice((given.venue, _stranger(random))).pubkey()
    return _and(given, random, create_account(given.wallet.pubkey(), owner, token("BONK")))


def has_another_memo(given: Offer, random: Random) -> bytes:
    return _and(given, random, Instruction(MEMO_PROGRAM, random.randbytes(8).hex().encode(), []))


def costs_too_much(given: Offer, random: Random) -> bytes:
    return _with(given, 1, set_compute_unit_price(random.randrange(10**9, 2**63)))


def has_another_fee_payer(given: Offer, random: Random) -> bytes:
    payer = random.choice((given.venue, _stranger(random))).pubkey()
    return given.transaction(payer=payer)


def has_another_blockhash(given: Offer, random: Random) -> bytes:
    return given.transaction(blockhash=Hash(random.randbytes(32)))


def is_not_signed_by_the_venue(given: Offer, random: Random) -> bytes:
    raw = bytearray(given.transaction())
    raw[1 + 64 + random.randrange(64)] ^= random.randrange(1, 256)
    return bytes(raw)


def is_changed_after_it_was_signed(given: Offer, random: Random) -> bytes:
    honest = given.transaction()
    other = given_other(given, amount_out=given.amount_out + 1)
    return honest[:129] + other[129:]


def is_signed_for_us(given: Offer, random: Random) -> bytes:
    raw = bytearray(given.transaction())
    raw[1:65] = random.randbytes(64)
    return bytes(raw)


def is_longer(given: Offer, random: Random) -> bytes:
    return given.transaction() + random.randbytes(random.randrange(1, 40))


def is_cut_off(given: Offer, random: Random) -> bytes:
    raw = given.transaction()
    return raw[: random.randrange(len(raw))]


MUTATIONS: dict[Mutation, set[str]] = {
    sells_more: {"WRONG_AMOUNT_IN"},
    sells_less: {"WRONG_AMOUNT_IN"},
    sells_twice: {"WRONG_AMOUNT_IN"},
    pays_too_little: {"WRONG_AMOUNT_OUT"},
    pays_nothing: {"WRONG_AMOUNT_OUT"},
    sends_to_a_stranger: {"WRONG_DESTINATION"},
    pays_a_stranger: {"WRONG_AMOUNT_OUT"},
    pays_from_our_own_account: {"WRONG_AMOUNT_OUT"},
    sells_another_token: {"WRONG_AMOUNT_IN"},
    takes_another_token_too: {"WRONG_AMOUNT_IN"},
    takes_back_what_it_paid: {"WRONG_AMOUNT_IN"},
    takes_lamports: {"WRONG_DESTINATION"},
    becomes_a_delegate: {"INSTRUCTION_NOT_ALLOWED"},
    becomes_the_owner: {"INSTRUCTION_NOT_ALLOWED"},
    closes_an_account: {"INSTRUCTION_NOT_ALLOWED"},
    burns: {"INSTRUCTION_NOT_ALLOWED"},
    assigns_the_wallet: {"INSTRUCTION_NOT_ALLOWED"},
    uses_a_durable_nonce: {"INSTRUCTION_NOT_ALLOWED"},
    calls_an_unknown_program: {"PROGRAM_NOT_ALLOWED"},
    makes_us_pay_for_an_account: {"INSTRUCTION_NOT_ALLOWED"},
    has_another_memo: {"MEMO_NOT_ALLOWED"},
    costs_too_much: {"FEE_TOO_HIGH"},
    has_another_fee_payer: {"WRONG_FEE_PAYER"},
    has_another_blockhash: {"BLOCKHASH_UNKNOWN"},
    is_not_signed_by_the_venue: {"SIGNATURE_INVALID"},
    is_changed_after_it_was_signed: {"SIGNATURE_INVALID"},
    is_signed_for_us: {"TRANSACTION_MALFORMED"},
    is_longer: {"TRANSACTION_MALFORMED"},
    is_cut_off: {"TRANSACTION_MALFORMED"},
}
"""Each with the codes that it may be refused with."""
