"""`devnet-check`: what the first hour on a cluster should show, by the settings of WORLD=solana.

nodes ─▶ heights ─▶ wallet ─▶ quotes ─▶ transaction ─▶ simulation ─▶ with --swap: signed, sent, landed

A step that fails ends the check: those after it need what it has found.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from chalicelib.config import Config, ConfigError
from chalicelib.domain.errors import AttemptFailed
from chalicelib.domain.routing import Quote
from chalicelib.domain.tokens import TOKENS, Token
from chalicelib.ports.trading import Landed, ProgramError, Swap

from ..client.commands import options
from ..client.commands.terminal import NotDone
from ..endpoints import find_running
from ..landed import explorer
from ..settings import settings
from ..world import NoOrders, prepare
from . import machine
from .findings import Finding, Verdict, show

if TYPE_CHECKING:
    from chalicelib.adapters.solana.world import SolanaWorld

SOL, USDC = TOKENS[0], TOKENS[1]
MOST_LAG = 100  # blocks from the newest confirmed one to the last finalized one
LEAST_LAMPORTS = 10_000_000  # for some hundred swaps' fees, and the rent of a few accounts
LANDS_WITHIN_S = 60.0
MEMO = "00000000-0000-0000-0000-000000000000"  # as an order's id

Result = TypeVar("Result")


@click.command("devnet-check")
@click.option(
    "--amount", type=options.NUMBER, default="0.01", show_default=True, help="SOL to ask quotes for."
)
@click.option(
    "--swap",
    "swaps",
    is_flag=True,
    help="Sign and send that swap, with tokens of the wallet; of halts, SOLANA_HALTED alone stops it.",
)
@machine.state
@options.as_json
def devnet_check(amount: str, swaps: bool, state: Path, as_json: bool) -> None:
    """Check the nodes, wallet and venues of WORLD=solana, by the settings that an engine would have.

    Without such settings it checks the node of the engine that runs on --state. It sends nothing unless
    --swap is given. Exits 1 if something is wrong.

    \b
    Example: SOLANA_CLUSTER=devnet SOLANA_RPC_URLS=https://api.devnet.solana.com \\
             SOLANA_KEY_FILE=wallet.json ./local/run devnet-check
    """
    running = find_running(state)
    chain: Mapping[str, str] = running.chain if running else {}
    given = settings(world="solana")
    try:
        config = Config.load(given if given.get("SOLANA_RPC_URLS") else {**given, **chain})
        prepare(config)
        from chalicelib.adapters.solana.world import SolanaWorld

        with asyncio.Runner() as loop:
            world = SolanaWorld(config, NoOrders())
            try:
                wrong = show(
                    _Check(world, config, loop).findings(Decimal(amount), swaps=swaps), as_json=as_json
                )
            finally:
                loop.run(world.close())
    except ConfigError as error:
        raise NotDone(str(error)) from None
    raise SystemExit(1 if wrong else 0)


class _Failed(Exception):
    """A step has failed; `finding` says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.said)
        self.finding = finding


class _Check:
    def __init__(self, world: SolanaWorld, config: Config, loop: asyncio.Runner) -> None:
        self._world = world
        self._config = config
        self._loop = loop

    def findings(self, amount: Decimal, *, swaps: bool) -> Iterator[Finding]:
        """Step by step, to the first that fails."""
        try:
            yield from self._nodes()
            yield self._heights()
            yield from self._wallet()
            quotes = {}
            for name in self._world.venues:
                quotes[name] = self._quote(name, int(amount.scaleb(SOL.decimals)))
                gives = f"{quotes[name].amount_out / 10**USDC.decimals:g} USDC for {amount} SOL"
                yield _well(f"quote {name}", gives)
            best = max(quotes.values(), key=lambda quote: quote.amount_out)
            swap = self._prepare(best)
            yield _well("transaction", f"{best.venue} prepared one that sells and gives what it should")
            yield self._simulated(swap)
            yield self._swap(swap) if swaps else _note("swap", "not sent", "--swap signs and sends it")
        except _Failed as failed:
            yield failed.finding

    def _nodes(self) -> Iterator[Finding]:
        from chalicelib.adapters.solana.rpc import Rpc

        for url in self._config.solana_rpc_urls.split(","):
            rpc = Rpc([url.strip()], self._config.solana_cluster)
            began = time.perf_counter()
            version = self._run(
                rpc.call("getVersion"), "node", "SOLANA_RPC_URLS names one of SOLANA_CLUSTER that answers"
            )
            took_ms = (time.perf_counter() - began) * 1000
            rpc.close()
            said = f"{version['solana-core']}, of {self._config.solana_cluster}, answers in {took_ms:.0f} ms"
            yield _well("node", said)

    def _heights(self) -> Finding:
        async def read() -> tuple[int, int]:
            latest = await self._world.chain.latest_blockhash()
            return latest[1] - 150, await self._world.chain.block_height()

        newest, final = self._run(read(), "heights", "another node in SOLANA_RPC_URLS may be less far behind")
        lag = newest - final
        if lag > MOST_LAG:
            return _note(
                "heights", f"the last finalized block is {lag} behind", "a dead transaction shows late"
            )
        return _well("heights", f"the last finalized block is {lag} behind")

    def _wallet(self) -> Iterator[Finding]:
        from chalicelib.adapters.solana.balances import Balances
        from chalicelib.adapters.solana.settings import nodes

        address = self._world.signer.address
        rpc = nodes(self._config)
        balances = Balances(rpc, address, self._config.solana_commitment)

        async def read() -> tuple[int, dict[Token, int]]:
            lamports = (await rpc.call("getBalance", address))["value"]
            return lamports, {token: await balances.of(token.mint) for token in TOKENS}

        lamports, held = self._run(read(), "wallet", "ask another node")
        rpc.close()
        if lamports < LEAST_LAMPORTS:
            mend = f"send some SOL to {address}"
            yield Finding("wallet", Verdict.WRONG, f"{address} has {lamports} lamports for fees", mend)
        else:
            yield _well("wallet", f"{address} has {SOL.text(lamports)} SOL for fees")
        some = ", ".join(f"{token.text(units)} {token.symbol}" for token, units in held.items() if units)
        yield (
            _well("tokens", some)
            if some
            else _note("tokens", "the wallet holds none", "SOL is traded as wrapped SOL, in a token account")
        )

    def _quote(self, name: str, amount: int) -> Quote:
        work = self._world.venues[name].quote(SOL, USDC, amount)
        return self._run(
            work, f"quote {name}", "JUPITER_URL serves this cluster, and SOLANA_VENUES its DEXes"
        )

    def _prepare(self, quote: Quote) -> Swap:
        least = quote.amount_out * 99 // 100
        work = self._world.venues[quote.venue].build(quote, least, MEMO)
        mend = (
            "PROGRAM_NOT_ALLOWED: look at the program, and if it is the DEX's own, add it to SOLANA_PROGRAMS"
        )
        return self._run(work, "transaction", mend)

    def _simulated(self, swap: Swap) -> Finding:
        from chalicelib.adapters.solana.preflight import Preflight
        from chalicelib.adapters.solana.settings import nodes

        rpc = nodes(self._config)
        preflight = Preflight(rpc, self._world.signer, always=True, is_dry=False)
        self._run(preflight.run(swap, MEMO), "simulation", "the error says what the transaction would do")
        rpc.close()
        return _well("simulation", "it would take and give what it should")

    def _swap(self, swap: Swap) -> Finding:
        transaction = self._world.signer.sign(swap, MEMO, "", 0)

        async def follow() -> Landed | ProgramError | None:
            deadline = time.monotonic() + LANDS_WITHIN_S
            while time.monotonic() < deadline:
                await self._world.chain.send(transaction)
                found = await self._world.chain.status(transaction.signature)
                if isinstance(found, Landed | ProgramError):
                    return found
                await asyncio.sleep(0.4)
            return None

        found = self._run(follow(), "swap", f"look at {transaction.signature}")
        link = explorer(self._config, transaction.signature) or transaction.signature
        if isinstance(found, Landed):
            gave = f"{swap.token_out.text(found.amount_out)} {swap.token_out.symbol} in slot {found.slot}"
            cost = f"{found.compute_units} compute units, {found.network_fee + found.priority_fee} lamports"
            return _well("swap", f"gave {gave}; {cost}: {link}")
        why = "it has not landed" if found is None else str(found.error)
        return Finding("swap", Verdict.WRONG, why, f"look at {link}")

    def _run(self, work: Coroutine[Any, Any, Result], what: str, mend: str) -> Result:
        """What a step gives. Raises _Failed."""
        from chalicelib.adapters.solana.rpc import RpcRefusal

        try:
            return self._loop.run(work)
        except (OSError, TimeoutError, RpcRefusal) as error:
            said = str(error) or type(error).__name__
        except AttemptFailed as error:
            said = f"{error} ({error.code})"
        raise _Failed(Finding(what, Verdict.WRONG, said, mend))


def _well(what: str, said: str) -> Finding:
    return Finding(what, Verdict.WELL, said)


def _note(what: str, said: str, mend: str) -> Finding:
    return Finding(what, Verdict.NOTE, said, mend)
