"""The same machine on a real VM: transactions are prepared by a venue, inspected, signed, and executed.

SolanaWorld: Execution ─▶ RpcChain, Wallet, JupiterVenue ─▶ Node ─▶ JSON-RPC and ledger of the local node

Only the outcome of a send is the machine's choice, as in `MemoryChain`. An attempt fails on the chain because
the wallet's token account is frozen while its transaction lands.
"""

from __future__ import annotations

import asyncio
import base64
from collections import defaultdict, deque
from collections.abc import Mapping
from typing import Any

from chalicelib.domain.errors import AttemptFailed
from chalicelib.domain.routing import Quote
from chalicelib.domain.tokens import Token
from chalicelib.ports.trading import SignedTransaction

from local.environments import add_packages
from local.world import NoOrders
from tests.samples import SOL
from tests.statemachine.machine import OrderMachine
from tests.statemachine.world import SLOT_S, World

add_packages("solana")

from chalicelib.adapters.solana.balances import Balances  # noqa: E402 - imports what was just added
from chalicelib.adapters.solana.blockhashes import Blockhashes  # noqa: E402
from chalicelib.adapters.solana.chain import RpcChain  # noqa: E402
from chalicelib.adapters.solana.guards import Caps, Guards  # noqa: E402
from chalicelib.adapters.solana.inspection import parse  # noqa: E402
from chalicelib.adapters.solana.keys import WalletKey  # noqa: E402
from chalicelib.adapters.solana.preflight import Preflight  # noqa: E402
from chalicelib.adapters.solana.preparation import Preparation  # noqa: E402
from chalicelib.adapters.solana.rpc import RpcRefusal  # noqa: E402
from chalicelib.adapters.solana.switch import Switch  # noqa: E402
from chalicelib.adapters.solana.venue import JupiterVenue  # noqa: E402
from chalicelib.adapters.solana.wallet import Wallet  # noqa: E402
from chalicelib.simulation.slots import Slots  # noqa: E402
from solders.account import Account  # noqa: E402
from solders.pubkey import Pubkey  # noqa: E402
from solders.token.state import TokenAccountState  # noqa: E402

from local.servers.solana import fees, genesis, tokens  # noqa: E402
from local.servers.solana.account_methods import AccountMethods  # noqa: E402
from local.servers.solana.chain_methods import ChainMethods  # noqa: E402
from local.servers.solana.faults import Faults  # noqa: E402
from local.servers.solana.journal import Journal  # noqa: E402
from local.servers.solana.ledger import BLOCKHASH_SLOTS, Ledger  # noqa: E402
from local.servers.solana.maker import Maker  # noqa: E402
from local.servers.solana.rpc import Rpc  # noqa: E402
from local.servers.solana.transaction_methods import TransactionMethods  # noqa: E402

SEED, SLOT_MS = "machine", int(SLOT_S * 1000)
FIRST_SLOT = 1_000
STATE = 108  # where a token account says whether it is frozen
WALLET, MAKER, FAUCET = (genesis.derived_key(role, SEED) for role in ("wallet", "maker", "faucet"))


class Node:
    """To the adapters an `Rpc` and a `Jupiter` over a ledger in this process; to the machine a chain."""

    def __init__(self) -> None:
        self.height = FIRST_SLOT
        self.script: deque[str | AttemptFailed] = deque()
        self.sent: list[SignedTransaction] = []
        self.hanging: dict[str, SignedTransaction] = {}
        self.swaps: defaultdict[str, list[str]] = defaultdict(list)
        self._ledger = Ledger(
            Journal(), Slots(SEED, SLOT_MS, BLOCKHASH_SLOTS), 0, lambda: self.height * SLOT_MS
        )
        genesis.create_missing_accounts(self._ledger, WALLET.pubkey(), MAKER.pubkey(), FAUCET.pubkey())
        self._rpc = Rpc(
            ChainMethods(self._ledger, SEED).methods
            | AccountMethods(self._ledger).methods
            | TransactionMethods(self._ledger, Faults(), FAUCET).methods
        )
        self._maker = Maker(self._ledger, Faults(), MAKER, SEED)

    async def call(self, method: str, *params: Any) -> Any:
        """A call of the JSON-RPC, whose sends follow the script."""
        if method == "sendTransaction":
            return self._send(method, *params)
        return self._answer(method, *params)

    async def order(
        self, token_in: Token, token_out: Token, amount_in: int, **more: str
    ) -> Mapping[str, Any]:
        """The maker's answer."""
        pair = {"inputMint": token_in.mint, "outputMint": token_out.mint, "amount": str(amount_in)}
        return self._maker.order(pair | more)

    def has(self, signature: str) -> bool:
        """Whether a transaction has landed, failed or not."""
        return self._status(signature) is not None

    def can_land(self, transaction: SignedTransaction) -> bool:
        """Whether it has not landed, and its blockhash is valid."""
        blockhash = str(parse(transaction.raw).message.recent_blockhash)
        return self._ledger.is_valid(blockhash, self.height) and not self.has(transaction.signature)

    def settle(self) -> None:
        """Land every hanging transaction whose blockhash has not expired."""
        for transaction in self.hanging.values():
            self._land(transaction)
        self.hanging.clear()

    def _send(self, method: str, *params: Any) -> Any:
        transaction = _signed(params[0])
        self.sent.append(transaction)
        outcome = self.script.popleft() if self.script else "land"
        if isinstance(outcome, AttemptFailed):
            self._fail(transaction)
        elif outcome in ("land", "lose reply"):
            self._land(transaction)
        elif outcome == "hang":
            self.hanging[transaction.signature] = transaction
        if outcome == "lose reply":
            raise TimeoutError
        if outcome == "refuse":
            raise RpcRefusal(-32603, "Internal error")
        return transaction.signature

    def _land(self, transaction: SignedTransaction) -> None:
        if self.has(transaction.signature):
            return
        self._ledger.accept(parse(transaction.raw))
        self._ledger.land()
        status = self._status(transaction.signature)
        if status is not None and status["err"] is None:
            self.swaps[memo_of(transaction)].append(transaction.signature)

    def _fail(self, transaction: SignedTransaction) -> None:
        """Land it while the account that it sells from is frozen."""
        address = tokens.ata(WALLET.pubkey(), Pubkey.from_string(SOL.mint))
        account = self._ledger.accounts.get(address)
        assert account is not None
        data = bytearray(account.data)
        data[STATE] = int(TokenAccountState.Frozen)
        self._ledger.put(
            address, Account(account.lamports, bytes(data), account.owner, False, account.rent_epoch)
        )
        self._land(transaction)
        self._ledger.put(address, account)

    def _status(self, signature: str) -> Any:
        return self._answer("getSignatureStatuses", [signature], {"searchTransactionHistory": True})["value"][
            0
        ]

    def _answer(self, method: str, *params: Any) -> Any:
        reply: Any = self._rpc.answer({"jsonrpc": "2.0", "id": 1, "method": method, "params": [*params]})
        if "error" in reply:
            raise RpcRefusal(reply["error"]["code"], reply["error"]["message"])
        return reply["result"]


class ScriptedVenue(JupiterVenue):
    """A venue whose next answers the machine says, as `MemoryVenue`'s."""

    def __init__(self, name: str, label: str, node: Node, prepare: Any) -> None:
        super().__init__(name, label, node, prepare)  # type: ignore[arg-type]
        self.script: deque[Exception | None] = deque()

    async def quote(self, token_in: Token, token_out: Token, amount_in: int) -> Quote:
        if self.script:
            answer = self.script.popleft()
            if answer is None:
                await asyncio.Event().wait()
            else:
                raise answer
        return await super().quote(token_in, token_out, amount_in)


class SolanaWorld(World):
    """Each worker has adapters of its own, as each process has."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self.node = Node()
        self.chain = self.node  # type: ignore[assignment]
        self.signer = Wallet(WalletKey(WALLET), programs=frozenset(), max_fee=100_000)  # type: ignore[assignment]
        self.venues = {
            name: ScriptedVenue(name, label, self.node, self._preparation)  # type: ignore[misc]
            for name, label in (("raydium", "Raydium"), ("meteora", "Meteora DLMM"))
        }

    def new_chain(self) -> RpcChain:
        return RpcChain(self.node)  # type: ignore[arg-type]

    def landable(self, order_id: str) -> set[str]:
        return {
            signature
            for signature, transaction in self.node.hanging.items()
            if memo_of(transaction) == order_id and self.node.can_land(transaction)
        }

    def _preparation(self) -> Preparation:
        node: Any = self.node
        wallet: Any = self.signer
        database = NoOrders()
        return Preparation(
            node,
            Blockhashes(node),
            wallet.address,
            Guards(database, Caps({}, {}, are_needed=False), Balances(node, wallet.address, "confirmed")),
            Preflight(node, wallet, always=False, is_dry=False),
            Switch(database, is_halted=False),
            priority_fee=10_000,
        )


class SolanaMachine(OrderMachine):
    """The machine in that world."""

    def new_world(self) -> World:
        return SolanaWorld(execution=self.execution, store=self.store, detection=self.detection)


def memo_of(transaction: SignedTransaction) -> str:
    """The order's id in a transaction."""
    text = fees.memo(parse(transaction.raw).message)
    assert text is not None
    return text.partition("] ")[2]


def _signed(text: str) -> SignedTransaction:
    raw = base64.b64decode(text)
    transaction = parse(raw)
    return SignedTransaction(str(transaction.signatures[0]), raw, 0)
