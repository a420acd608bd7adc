"""An order's transaction on a Solana node: quoted, prepared, checked, signed, sent and read back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from chalicelib.domain.errors import (
    BlockhashExpired,
    ChainUnavailable,
    InsufficientFunds,
    InsufficientLiquidity,
    SlippageExceeded,
    VenueUnavailable,
)
from chalicelib.domain.tokens import Token, find_token
from chalicelib.ports.trading import Landed, ProgramError

from local.servers.solana import Solana
from tests.integration.adapters.solana.trader import Trader, faults, trading
from tests.samples import SOL, USDC


def token(symbol: str) -> Token:
    found = find_token(symbol)
    assert found is not None
    return found


@pytest.fixture
async def trader(node: Solana, solana_database_url: str) -> AsyncIterator[Trader]:
    async with trading(node, solana_database_url) as trader:
        yield trader


async def test_a_swap_lands_with_what_it_gave_and_cost(trader: Trader) -> None:
    quote = await trader.quote()
    _, landed = await trader.swap(await trader.order(), quote)
    assert isinstance(landed, Landed)
    assert landed.amount_out >= quote.amount_out * 99 // 100
    assert (landed.network_fee, landed.priority_fee) == (10_000, 10_000)
    assert landed.compute_units


async def test_a_swap_offers_the_priority_fee_of_the_setting(node: Solana, solana_database_url: str) -> None:
    async with trading(node, solana_database_url, solana_priority_fee=25_000) as trader:
        _, landed = await trader.swap(await trader.order(), await trader.quote())
    assert isinstance(landed, Landed)
    assert landed.priority_fee == 25_000


async def test_two_dexes_are_two_quotes(trader: Trader) -> None:
    raydium, meteora = [
        await trader.world.venues[name].quote(SOL, USDC, 10**9) for name in ("raydium", "meteora")
    ]
    assert raydium.pool != meteora.pool
    assert raydium.amount_out != meteora.amount_out


async def test_an_account_of_a_token_that_is_missing_is_created(trader: Trader) -> None:
    fida = token("FIDA")
    quote = await trader.quote(10**6, USDC, fida)
    _, landed = await trader.swap(await trader.order(), quote)
    assert isinstance(landed, Landed)
    assert landed.amount_out > 0


async def test_tokens_that_the_wallet_does_not_hold_are_not_sold(trader: Trader) -> None:
    quote = await trader.quote(2 * 10**18)
    with pytest.raises((InsufficientFunds, InsufficientLiquidity)):
        await trader.sign(await trader.order(), quote)


async def test_the_same_bytes_sent_again_land_once(trader: Trader) -> None:
    transaction, landed = await trader.swap(await trader.order(), await trader.quote())
    for _ in range(3):
        assert await trader.world.chain.send(transaction) == transaction.signature
    assert await trader.decided(transaction.signature) == landed


async def test_a_minimum_that_is_not_reached_when_it_lands_fails_on_the_chain(
    trader: Trader, node: Solana
) -> None:
    async with faults(node, "slippage token=SOL"):
        transaction = await trader.sign(await trader.order(), await trader.quote())
    await trader.world.chain.send(transaction)
    failed = await trader.decided(transaction.signature)
    assert isinstance(failed, ProgramError)
    assert isinstance(failed.error, SlippageExceeded)


async def test_a_price_that_is_gone_when_the_transaction_is_asked_for_is_refused(trader: Trader) -> None:
    quote = await trader.quote()
    with pytest.raises(SlippageExceeded):
        await trader.sign(await trader.order(), quote, minimum_out=quote.amount_out * 2)


async def test_a_venue_that_withdraws_its_quote_fails_the_attempt(trader: Trader, node: Solana) -> None:
    async with faults(node, "quote-withdrawn token=SOL"):
        quote = await trader.quote()
        with pytest.raises(VenueUnavailable, match="withdrawn"):
            await trader.sign(await trader.order(), quote)


@pytest.mark.parametrize("rule", ["quote-error token=SOL", "rate-limited method=order"])
async def test_a_venue_that_can_not_quote_is_unavailable(trader: Trader, node: Solana, rule: str) -> None:
    async with faults(node, rule):
        with pytest.raises(VenueUnavailable):
            await trader.quote()


async def test_a_blockhash_that_the_chain_does_not_know_is_not_signed(trader: Trader, node: Solana) -> None:
    async with faults(node, "blockhash-expired token=SOL"):
        with pytest.raises(BlockhashExpired):
            await trader.sign(await trader.order(), await trader.quote())


async def test_a_transaction_that_was_not_sent_is_dead_once_its_blockhash_is_beyond_the_final_height(
    trader: Trader,
) -> None:
    transaction = await trader.sign(await trader.order(), await trader.quote())
    chain = trader.world.chain
    assert await chain.block_height() <= transaction.last_valid_block_height
    while await chain.block_height() <= transaction.last_valid_block_height:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    await chain.send(transaction)
    assert await chain.status(transaction.signature) is None


async def test_a_node_that_limits_us_or_is_silent_counts_as_away_and_not_as_a_refusal(
    trader: Trader, node: Solana
) -> None:
    async with faults(node, "rate-limited method=getEpochInfo"):
        with pytest.raises(OSError):
            await trader.world.chain.block_height()


async def test_without_a_node_nothing_is_signed(
    trader: Trader, node: Solana, solana_database_url: str
) -> None:
    quote = await trader.quote()
    async with trading(node, solana_database_url, solana_rpc_urls="http://127.0.0.1:9") as alone:
        with pytest.raises(ChainUnavailable):
            await alone.sign(await alone.order(), quote)


async def test_the_next_node_is_asked_where_one_is_away(node: Solana, solana_database_url: str) -> None:
    urls = f"http://127.0.0.1:9, {node.url}"
    async with trading(node, solana_database_url, solana_rpc_urls=urls) as trader:
        _, landed = await trader.swap(await trader.order(), await trader.quote())
    assert isinstance(landed, Landed)
