"""Venue, chain and signer, in the shape of the real ones: implement these to trade elsewhere.

An execution uses them in this order: every venue's `quote` at the same time, `build` for each leg,
`Chain.latest_blockhash`, `Signer.sign`, then `Chain.send` and `Chain.status` until it is decided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ..domain.errors import AttemptFailed
from ..domain.routing import Quote
from ..domain.tokens import Token
from ..domain.transaction import SignedTransaction as SignedTransaction  # part of this port

if TYPE_CHECKING:
    from .launches import Launches


@dataclass(frozen=True, slots=True)
class Prepared:
    """A transaction that a venue has made of a swap, and that wants our signature.

    It can land until the block height is beyond `last_valid_block_height`: the end of `blockhash`, which is
    read from the chain and not taken from the venue.
    """

    raw: bytes
    blockhash: str
    last_valid_block_height: int


@dataclass(frozen=True, slots=True)
class Swap:
    """A venue's instruction: sell `amount_in`, fail on chain below `minimum_out` (both in base units).

    With `legs` it is all of a route: `venue` is that of the largest, and `minimum_out` holds for what they
    give together. They are executed in their order, all or none. One that sells another token than the route
    does sells all that the leg before it gave, whatever its own `amount_in` says. `prepared` is there where
    the venue makes the transaction itself.
    """

    venue: str
    token_in: Token
    token_out: Token
    amount_in: int
    minimum_out: int
    legs: tuple[Swap, ...] = ()
    prepared: Prepared | None = None


@dataclass(frozen=True, slots=True)
class Landed:
    """The transaction is on the chain and gave the trader `amount_out` base units.

    In lamports, `network_fee` is what the network took for it, and `priority_fee` what was paid for it to be
    taken sooner. `compute_units` is what the programs took, None if the chain does not say.
    """

    slot: int
    amount_out: int
    network_fee: int = 0
    priority_fee: int = 0
    compute_units: int | None = None


@dataclass(frozen=True, slots=True)
class ProgramError:
    """The transaction is on the chain and failed there; nothing was swapped, and it can't land again."""

    slot: int
    error: AttemptFailed


class Unconfirmed:
    """The transaction is in a block that may yet be abandoned: it has not landed, and is not dead either."""


TransactionStatus = Landed | ProgramError | Unconfirmed | None
"""None: the chain has not seen it (yet)."""


class Venue(Protocol):
    """A DEX."""

    name: str

    async def quote(self, token_in: Token, token_out: Token, amount_in: int) -> Quote:
        """What selling `amount_in` base units gives now. Raises an AttemptFailed.

        A quote with a `curve`, a copy of the pool's state that tells what other amounts would give, lets the
        order be divided between venues; without one the venue is taken for the whole order or not at all.
        """

    async def build(self, quote: Quote, minimum_out: int, memo: str) -> Swap:
        """The instruction that fills `quote`, refusing less than `minimum_out`. Raises an AttemptFailed.

        `memo` is what its transaction carries, for a venue that prepares it.
        """


@runtime_checkable
class PricedVenue(Protocol):
    """A `Venue` that knows its recent prices as well, by which slippage is chosen; it need not."""

    async def recent_prices(
        self, token_in: Token, token_out: Token, *, every_ms: int, count: int
    ) -> Sequence[Decimal]:
        """Its prices at the last `count` instants, oldest first; those that it knows.

        In base units of `token_out` for one of `token_in`.

        Raises an AttemptFailed.
        """


class Chain(Protocol):
    """Solana's RPC, as far as an execution needs it. Each call may raise OSError or TimeoutError."""

    async def latest_blockhash(self) -> tuple[str, int]:
        """`(blockhash, last_valid_block_height)`: getLatestBlockhash. May raise an AttemptFailed, too."""

    async def block_height(self) -> int:
        """getBlockHeight."""

    async def send(self, transaction: SignedTransaction) -> str:
        """Send the bytes and return their signature: sendTransaction. The same bytes land at most once.

        Raises BlockhashExpired if the bytes can't land any more.
        """

    async def status(self, signature: str) -> TransactionStatus:
        """The transaction's status: getSignatureStatuses, with the fill."""


class Signer(Protocol):
    """The trading wallet."""

    def sign(self, swap: Swap, memo: str, blockhash: str, last_valid_block_height: int) -> SignedTransaction:
        """`swap` as a transaction that carries `memo` (the order's id) and expires with `blockhash`.

        One that the venue has prepared has its own blockhash. Raises an AttemptFailed where it is not what
        the swap says.
        """


class World(Protocol):
    """Everything outside the engine. `Runtime.world` builds it; each function uses the parts it needs."""

    @property
    def venues(self) -> Mapping[str, Venue]:
        """The venues by name."""

    @property
    def chain(self) -> Chain:
        """The chain that the venues settle on."""

    @property
    def signer(self) -> Signer:
        """The wallet that signs."""

    @property
    def launches(self) -> Launches:
        """The detector of new tokens."""

    async def close(self) -> None:
        """Close its connections."""


class Audit(Protocol):
    """Compares what has landed on the chain with the orders."""

    async def run(self) -> list[str]:
        """The orders that a landed transaction contradicts, each once; they are logged."""

    def close(self) -> None:
        """Close its connections."""


@runtime_checkable
class HaltableWorld(Protocol):
    """A `World` whose trading can be stopped by a switch; it need not be."""

    async def set_halt(self, reason: str | None) -> str | None:
        """Sign nothing from now on, in any process, for this reason; with None, sign again.

        Why nothing is signed now, None if it is. Raises TemporarilyUnavailable.
        """
