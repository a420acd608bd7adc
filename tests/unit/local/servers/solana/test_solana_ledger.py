"""The ledger: when a transaction lands, what it leaves, and what a restart restores."""

from __future__ import annotations

from pathlib import Path

import pytest
from solders.account import Account
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from local.errors import ServiceError
from local.servers.solana.genesis import create_missing_accounts
from local.servers.solana.journal import Journal
from local.servers.solana.ledger import BATCH, STATUS_SLOTS
from local.servers.solana.meta import error_of
from local.servers.solana.tokens import TOKEN_PROGRAM, read_mint, read_token
from tests.unit.local.servers.solana.chain import (
    FAUCET,
    LANDING_MS,
    MAKER,
    SLOT_MS,
    WALLET,
    Chain,
    forged,
)

FEE = 5_000
SOL = 10**9


@pytest.fixture
def chain() -> Chain:
    return Chain()


def signature(transaction: VersionedTransaction) -> bytes:
    return bytes(transaction.signatures[0])


def test_a_transaction_lands_when_it_is_due(chain: Chain) -> None:
    transaction, before = chain.transfer(SOL), chain.lamports()
    chain.ledger.accept(transaction)
    chain.now_ms += LANDING_MS - 1
    chain.ledger.land()
    assert chain.landed(transaction) is None
    assert chain.ledger.due_ms == chain.now_ms + 1
    chain.now_ms += 1
    chain.ledger.land()
    status = chain.ledger.status(signature(transaction))
    assert status is not None
    assert (status.slot, status.err) == (chain.ledger.slot, None)
    assert chain.lamports() == before - SOL - FEE
    assert chain.ledger.due_ms is None


def test_the_same_bytes_land_once(chain: Chain) -> None:
    transaction, before = chain.transfer(SOL), chain.lamports()
    chain.ledger.accept(transaction)
    chain.ledger.accept(transaction)
    chain.land()
    chain.ledger.accept(transaction)
    chain.land()
    assert chain.lamports() == before - SOL - FEE
    assert [landed.signature for landed in chain.journal.since(0)] == [signature(transaction)]


def test_transactions_land_in_the_order_in_which_they_were_accepted(chain: Chain) -> None:
    transactions = [chain.transfer(10**7 + number) for number in range(BATCH + 1)]
    for transaction in transactions:
        chain.ledger.accept(transaction)
    chain.land()
    assert chain.landed(transactions[-1]) is None
    chain.ledger.land()
    assert [landed.signature for landed in chain.journal.since(0)] == [*map(signature, transactions)]


@pytest.mark.parametrize(("slots", "lands"), [(150, True), (151, False)])
def test_a_blockhash_is_valid_for_150_slots(chain: Chain, slots: int, lands: bool) -> None:
    transaction, before = chain.transfer(SOL), chain.lamports()
    chain.ledger.accept(transaction)
    chain.go_to(slots)
    chain.ledger.land()
    assert (chain.landed(transaction) is not None) is lands
    assert chain.lamports() == (before - SOL - FEE if lands else before)
    assert chain.ledger.is_valid(str(transaction.message.recent_blockhash), chain.ledger.slot) is lands


def test_a_blockhash_is_unknown_in_the_slots_before_its_own(chain: Chain) -> None:
    chain.go_to(5)
    blockhash = str(chain.blockhash())
    assert chain.ledger.is_valid(blockhash, chain.ledger.slot)
    assert not chain.ledger.is_valid(blockhash, chain.ledger.slot - 1)


@pytest.mark.parametrize("kind", ["blockhash of the future", "wrong signature", "no payer", "poor payer"])
def test_a_dropped_transaction_leaves_no_trace(chain: Chain, kind: str) -> None:
    payer = Keypair()
    if kind == "poor payer":
        chain.ledger.put(payer.pubkey(), Account(FEE - 1, b"", Pubkey.default(), False, 2**64 - 1))
    transaction = {
        "blockhash of the future": chain.transfer(slot=10),
        "wrong signature": forged(chain.transfer()),
        "no payer": chain.transfer(payer=payer),
        "poor payer": chain.transfer(payer=payer),
    }[kind]
    before = chain.lamports(), chain.lamports(payer)
    chain.ledger.accept(transaction)
    chain.land()
    assert chain.landed(transaction) is None
    assert chain.ledger.status(signature(transaction)) is None
    assert (chain.lamports(), chain.lamports(payer)) == before
    assert (chain.ledger.due_ms, chain.journal.pending()) == (None, [])


def test_a_failed_transaction_pays_its_fee_and_changes_nothing_else(chain: Chain) -> None:
    transaction, before = chain.transfer(2_000 * SOL), chain.lamports()
    chain.ledger.accept(transaction)
    chain.land()
    landed = chain.landed(transaction)
    assert landed is not None
    assert landed.err == {"InstructionError": [0, {"Custom": 1}]}
    assert landed.meta["fee"] == FEE
    assert chain.lamports() == before - FEE
    assert chain.lamports(FAUCET) == 10**18


def test_a_swap_creates_the_missing_account_and_moves_both_tokens(chain: Chain) -> None:
    before, sold = chain.lamports(), chain.tokens("SOL")
    assert sold is not None
    assert chain.tokens("FIDA") is None
    transaction = chain.swap(memo="an order")
    chain.ledger.accept(transaction)
    chain.land()
    assert (chain.tokens("SOL"), chain.tokens("FIDA")) == (sold - 1_000, 1_000)
    landed = chain.landed(transaction)
    assert landed is not None
    assert (landed.err, landed.memo) == (None, "[8] an order")
    assert chain.lamports() == before - 2_039_280 - 20_000  # rent; two signatures and the priority fee


def test_a_swap_below_its_minimum_fails_and_moves_nothing(chain: Chain) -> None:
    transaction, sold = chain.swap(minimum_out=1_001), chain.tokens("SOL")
    chain.ledger.accept(transaction)
    chain.land()
    landed = chain.landed(transaction)
    assert landed is not None
    assert landed.err == {"InstructionError": [5, {"Custom": 1}]}
    assert landed.meta["fee"] == 20_000
    assert (chain.tokens("SOL"), chain.tokens("FIDA")) == (sold, None)


def test_a_read_returns_the_state_at_the_end_of_its_slot(chain: Chain) -> None:
    first = chain.lamports()
    chain.ledger.accept(chain.transfer(SOL))
    chain.go_to(10)
    chain.ledger.land()
    chain.ledger.accept(chain.transfer(2 * SOL))
    chain.go_to(20)
    chain.ledger.land()
    chain.go_to(40)
    second, third = first - SOL - FEE, first - 3 * SOL - 2 * FEE
    assert [chain.lamports(slot=slot) for slot in (9, 10, 19, 20)] == [first, second, second, third]
    assert chain.lamports() == third


def test_a_simulation_runs_on_the_state_of_its_slot_and_changes_nothing(chain: Chain) -> None:
    chain.ledger.accept(chain.transfer(600 * SOL))
    chain.go_to(10)
    chain.ledger.land()
    after = chain.lamports()
    another = forged(chain.transfer(600 * SOL))  # of which the wallet has enough before, and not since
    newest, earlier = chain.ledger.slot, chain.ledger.slot - 1
    assert error_of(chain.ledger.simulate(another, newest)) == {"InstructionError": [0, {"Custom": 1}]}
    assert error_of(chain.ledger.simulate(another, earlier)) is None
    assert chain.lamports() == after
    chain.ledger.accept(another)
    chain.land()
    assert chain.landed(another) is None  # signatures are verified again


def test_an_account_without_lamports_is_gone_after_a_restart_too(chain: Chain) -> None:
    payer = Keypair()
    chain.ledger.put(payer.pubkey(), Account(SOL, b"", Pubkey.default(), False, 2**64 - 1))
    chain.ledger.accept(chain.transfer(SOL - FEE, payer=payer))
    chain.land()
    assert chain.ledger.accounts.get(payer.pubkey()) is None
    chain.restart()
    assert chain.ledger.accounts.get(payer.pubkey()) is None


def test_a_status_is_forgotten_after_300_slots_and_stays_in_the_journal(chain: Chain) -> None:
    early = chain.transfer(SOL)
    chain.ledger.accept(early)
    chain.go_to(10)
    chain.ledger.land()
    assert chain.ledger.refusal(early, chain.ledger.slot) == "AlreadyProcessed"
    assert chain.ledger.refusal(early, chain.ledger.slot - 1) is None
    chain.go_to(10 + STATUS_SLOTS)
    late = chain.transfer(2 * SOL)
    chain.ledger.accept(late)
    chain.land()
    assert chain.ledger.status(signature(early)) is None
    assert chain.ledger.status(signature(late)) is not None
    assert chain.landed(early) is not None


def test_a_restart_restores_accounts_statuses_and_pending_transactions(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    chain = Chain(Journal(path))
    landed, pending = chain.swap(memo="first"), chain.swap(memo="second")
    chain.ledger.accept(landed)
    chain.land()
    chain.ledger.accept(pending)
    before = chain.lamports()
    chain.journal.close()
    chain.journal = Journal(path)
    chain.restart()
    assert chain.lamports() == before
    assert chain.tokens("FIDA") == 1_000
    assert chain.ledger.refusal(landed, chain.ledger.slot) == "AlreadyProcessed"
    chain.ledger.accept(landed)
    chain.ledger.accept(pending)
    chain.land()
    assert chain.tokens("FIDA") == 2_000
    assert [each.signature for each in chain.journal.since(0)] == [signature(landed), signature(pending)]
    chain.journal.close()


def test_a_landing_that_fails_is_made_up_for_after_a_restart(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    transactions = [chain.transfer(SOL), chain.transfer(2 * SOL)]
    before = chain.lamports()
    for transaction in transactions:
        chain.ledger.accept(transaction)
    lands, full = chain.journal.land, OSError("disk full")

    def fails(landed: object, addresses: object) -> None:
        if chain.journal.find(signature(transactions[0])):
            raise full
        lands(landed, addresses)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(chain.journal, "land", fails)
        with pytest.raises(OSError, match="disk full"):
            chain.land()
    chain.restart()
    assert chain.lamports() == before
    chain.ledger.land()
    assert chain.lamports() == before - 3 * SOL - 2 * FEE


def test_a_restart_leaves_balances_and_closed_accounts_as_they_are(chain: Chain) -> None:
    chain.ledger.accept(chain.swap())
    chain.land()
    held = [chain.tokens(symbol, owner) for owner in (WALLET, MAKER) for symbol in ("SOL", "FIDA", "BONK")]
    chain.restart()
    again = [chain.tokens(symbol, owner) for owner in (WALLET, MAKER) for symbol in ("SOL", "FIDA", "BONK")]
    assert again == held


def test_another_wallet_is_funded_as_well(chain: Chain) -> None:
    other = Keypair()
    create_missing_accounts(chain.ledger, other.pubkey(), MAKER.pubkey(), FAUCET.pubkey())
    assert chain.lamports(other) == 1_000 * SOL
    assert (chain.tokens("USDC", other), chain.tokens("FIDA", other)) == (10**15, None)


def test_a_ledger_belongs_to_one_process(tmp_path: Path) -> None:
    first = Journal(tmp_path / "ledger")
    with pytest.raises(ServiceError, match="another process"):
        Journal(tmp_path / "ledger")
    first.close()
    Journal(tmp_path / "ledger").close()


def test_a_ledger_keeps_the_length_of_its_slots(tmp_path: Path) -> None:
    Journal(tmp_path / "ledger", SLOT_MS).close()
    with pytest.raises(ServiceError, match="slots of 400 ms"):
        Journal(tmp_path / "ledger", 100)
    Journal(tmp_path / "ledger", SLOT_MS).close()


def test_transactions_are_listed_by_the_addresses_that_they_name(chain: Chain) -> None:
    transfers = [chain.transfer(number * SOL) for number in range(1, 5)]
    for transaction in (*transfers, chain.transfer(payer=FAUCET, to=MAKER.pubkey())):
        chain.ledger.accept(transaction)
    chain.land()
    one, two, three, four = map(signature, transfers)

    def listed(before: bytes | None = None, until: bytes | None = None, limit: int = 10) -> list[bytes]:
        found = chain.journal.mentions(WALLET.pubkey(), chain.ledger.slot, before, until, limit)
        return [landed.signature for landed in found]

    assert listed() == [four, three, two, one]
    assert listed(limit=2) == [four, three]
    assert listed(before=three) == [two, one]
    assert listed(until=two) == [four, three]
    assert listed(before=four, until=one, limit=1) == [three]
    assert listed(before=bytes(64)) == []
    assert listed(until=bytes(64)) == [four, three, two, one]
    assert list(chain.journal.mentions(WALLET.pubkey(), chain.ledger.slot - 1, None, None, 10)) == []


def test_an_account_that_is_not_initialized_is_no_token_account(chain: Chain) -> None:
    for size in (82, 165, 355):
        account = Account(SOL, bytes(size), TOKEN_PROGRAM, False, 2**64 - 1)
        assert read_token(account) is None
        assert read_mint(account) is None


def test_a_failed_call_of_a_program_lands_with_its_logs(chain: Chain) -> None:
    transaction = chain.signed([Instruction(TOKEN_PROGRAM, b"\xff", [])])
    chain.ledger.accept(transaction)
    chain.land()
    landed = chain.landed(transaction)
    assert landed is not None
    assert landed.err is not None
    assert f"Program {TOKEN_PROGRAM} invoke [1]" in str(landed.meta["logMessages"])
