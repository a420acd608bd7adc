"""A ledger with the accounts of genesis and a clock that is set, and transactions for it."""

from __future__ import annotations

from chalicelib.domain.tokens import Token, find_token
from chalicelib.simulation.slots import Slots
from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.system_program import transfer
from solders.transaction import VersionedTransaction

from local.servers.solana import swap
from local.servers.solana.genesis import create_missing_accounts, derived_key
from local.servers.solana.journal import Journal, Landed
from local.servers.solana.ledger import BLOCKHASH_SLOTS, Ledger
from local.servers.solana.meta import lamports
from local.servers.solana.tokens import ata, read_token

SEED, SLOT_MS, LANDING_MS = "test", 400, 1000
WALLET, MAKER, FAUCET = (derived_key(role, SEED) for role in ("wallet", "maker", "faucet"))


def token(symbol: str) -> Token:
    found = find_token(symbol)
    assert found is not None
    return found


class Chain:
    """`ledger` over `journal` at `now_ms`; slots are counted from the first one."""

    def __init__(self, journal: Journal | None = None) -> None:
        self.first = 5_000_000
        self.now_ms = self.first * SLOT_MS
        self.journal = journal or Journal()
        self.restart()

    def restart(self) -> None:
        """What a process does that comes after one that was killed."""
        slots = Slots(SEED, SLOT_MS, BLOCKHASH_SLOTS)
        self.ledger = Ledger(self.journal, slots, LANDING_MS, lambda: self.now_ms)
        create_missing_accounts(self.ledger, WALLET.pubkey(), MAKER.pubkey(), FAUCET.pubkey())

    def go_to(self, slot: int) -> None:
        """Set the clock to the beginning of a slot."""
        self.now_ms = (self.first + slot) * SLOT_MS

    def land(self) -> None:
        """Let what was accepted become due, and land."""
        self.now_ms += LANDING_MS
        self.ledger.land()

    def blockhash(self, slot: int | None = None) -> Hash:
        """The blockhash of a slot, or the present one's."""
        at = self.ledger.slot if slot is None else self.first + slot
        return Hash.from_string(self.ledger.latest_blockhash(at)[0])

    def transfer(
        self,
        amount: int = 10**9,
        *,
        payer: Keypair = WALLET,
        to: Pubkey | None = None,
        slot: int | None = None,
    ) -> VersionedTransaction:
        """Lamports from the payer to an address."""
        recipient = to or FAUCET.pubkey()
        terms = {"from_pubkey": payer.pubkey(), "to_pubkey": recipient, "lamports": amount}
        return self.signed([transfer(terms)], payer=payer, slot=slot)

    def signed(
        self, instructions: list[Instruction], *, payer: Keypair = WALLET, slot: int | None = None
    ) -> VersionedTransaction:
        """These instructions, signed by the payer."""
        message = MessageV0.try_compile(payer.pubkey(), instructions, [], self.blockhash(slot))
        return VersionedTransaction(message, [payer])

    def swap(self, minimum_out: int = 900, memo: str | None = None) -> VersionedTransaction:
        """1 000 base units of SOL for 1 000 of FIDA, of which the wallet has no account at first."""
        terms = swap.Terms(token("SOL"), token("FIDA"), 1_000, 1_000, minimum_out, memo)
        return signed_by(WALLET, swap.build(terms, WALLET.pubkey(), MAKER, str(self.blockhash())))

    def lamports(self, owner: Keypair = WALLET, slot: int | None = None) -> int:
        """What an owner has, at the end of a slot where one is given."""
        at = None if slot is None else self.first + slot
        return lamports(self.ledger.accounts.get(owner.pubkey(), at))

    def tokens(self, symbol: str, owner: Keypair = WALLET) -> int | None:
        """Base units in an owner's token account, None without one."""
        address = ata(owner.pubkey(), Pubkey.from_string(token(symbol).mint))
        found = read_token(self.ledger.accounts.get(address))
        return None if found is None else found.amount

    def landed(self, transaction: VersionedTransaction) -> Landed | None:
        """What the journal has of a transaction."""
        return self.journal.find(bytes(transaction.signatures[0]))


def signed_by(key: Keypair, raw: bytes) -> VersionedTransaction:
    """A transaction with the signature of its fee payer added."""
    transaction = VersionedTransaction.from_bytes(raw)
    signature = key.sign_message(to_bytes_versioned(transaction.message))
    return VersionedTransaction.populate(transaction.message, [signature, *transaction.signatures[1:]])


def forged(transaction: VersionedTransaction) -> VersionedTransaction:
    """The transaction with a signature that is not its signer's."""
    count = len(transaction.signatures)
    return VersionedTransaction.populate(transaction.message, [Signature.new_unique() for _ in range(count)])
