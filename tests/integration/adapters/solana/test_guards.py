"""What stops an order before its transaction is signed, each with a code of its own."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from chalicelib.adapters.solana.audit import Audit
from chalicelib.adapters.solana.rpc import CLUSTERS, Rpc
from chalicelib.config import ConfigError
from chalicelib.domain.errors import AttemptFailed, InsufficientFunds, SigningRefused
from chalicelib.ports.trading import Landed

from local.servers.solana import Solana
from tests.integration.adapters.solana.trader import Trader, trading
from tests.samples import SOL


async def refusal(trader: Trader, amount: int = 10**9) -> str:
    """The code that an order is refused with."""
    order = await trader.order()
    with pytest.raises(AttemptFailed) as refused:
        await trader.sign(order, await trader.quote(amount))
    await trader.set_status(order, "failed")
    return refused.value.code


async def test_an_order_above_the_cap_of_an_order_is_refused(node: Solana, solana_database_url: str) -> None:
    async with trading(node, solana_database_url, solana_order_caps="SOL=0.5") as trader:
        assert await refusal(trader, 600_000_000) == "ORDER_CAP_EXCEEDED"
        await trader.sign(await trader.order(), await trader.quote(500_000_000))


async def test_orders_of_24_hours_sell_no_more_than_the_cap_of_a_day(
    node: Solana, solana_database_url: str
) -> None:
    async with trading(node, solana_database_url) as trader:
        before = await sold(trader)
    cap = SOL.text(before + 2 * 10**9)
    async with trading(node, solana_database_url, solana_day_caps=f"SOL={cap}") as trader:
        confirmed, failed = await trader.order(), await trader.order()
        await trader.sign(confirmed, await trader.quote())
        await trader.set_status(confirmed, "confirmed")
        await trader.sign(failed, await trader.quote())
        assert await refusal(trader) == "DAY_CAP_EXCEEDED"
        await trader.set_status(failed, "failed")  # which sells nothing
        await trader.sign(await trader.order(), await trader.quote())


async def sold(trader: Trader) -> int:
    """What orders of these tests have sold or are about to sell."""
    async with trader.database.connection() as connection:
        query = """
            SELECT coalesce(sum(amount), 0)::bigint AS sold
            FROM solana.sales JOIN orders ON orders.id = order_id
            WHERE mint = %s AND status IN ('routing', 'building', 'submitted', 'confirmed')
        """
        row = await (await connection.execute(query, [SOL.mint])).fetchone()
    assert row is not None
    return int(row["sold"])


async def test_two_orders_never_sell_the_same_tokens(node: Solana, solana_database_url: str) -> None:
    """Of twenty at once, each for a third of what the wallet holds, two are signed."""
    async with trading(node, solana_database_url) as trader:
        preparation: Any = trader.world._preparation
        held = await preparation._guards._balances.of(SOL.mint)
        third = (held - await sold(trader)) // 3
        orders = [await trader.order() for _ in range(20)]
        admitted = await asyncio.gather(
            *(preparation._guards.admit(order, SOL, third) for order in orders), return_exceptions=True
        )
        assert sum(found is None for found in admitted) in (2, 3)  # 3 where reserved ones have landed since
        assert all(found is None or isinstance(found, InsufficientFunds) for found in admitted)
        for order in orders:
            await trader.set_status(order, "failed")
        await preparation._guards.admit(await trader.order("failed"), SOL, third)


async def test_a_clock_that_is_set_back_reserves_nothing_twice(
    node: Solana, solana_database_url: str
) -> None:
    async with trading(node, solana_database_url) as trader:
        preparation: Any = trader.world._preparation
        held = await preparation._guards._balances.of(SOL.mint)
        earlier = await trader.order()
        await preparation._guards.admit(earlier, SOL, held - await sold(trader))
        async with trader.database.connection() as connection:
            ahead = "UPDATE solana.sales SET at = at + interval '1 hour' WHERE order_id = %s"
            await connection.execute(ahead, [earlier])
        with pytest.raises(InsufficientFunds):
            await preparation._guards.admit(await trader.order(), SOL, held // 2)


async def test_nothing_is_signed_while_trading_is_halted(node: Solana, solana_database_url: str) -> None:
    async with trading(node, solana_database_url) as trader:
        await trader.database.run("set_halt", halted=True, reason="maintenance")
        try:
            assert await refusal(trader) == "HALTED"
        finally:
            await trader.database.run("set_halt", halted=False, reason="")
        await asyncio.sleep(0.5)  # for which the switch is kept
        await trader.sign(await trader.order(), await trader.quote())


async def test_nothing_is_signed_where_the_setting_halts(node: Solana, solana_database_url: str) -> None:
    async with trading(node, solana_database_url, solana_halted="yes") as trader:
        assert await refusal(trader) == "HALTED"


async def test_a_dry_run_signs_nothing_and_says_what_the_order_would_have_given(
    node: Solana, solana_database_url: str
) -> None:
    async with trading(node, solana_database_url, solana_simulate="only") as trader:
        with pytest.raises(SigningRefused, match=r"would have given [0-9.]+ USDC") as refused:
            await trader.sign(await trader.order(), await trader.quote())
    assert refused.value.code == "DRY_RUN"


async def test_an_order_is_signed_after_its_simulation(node: Solana, solana_database_url: str) -> None:
    async with trading(node, solana_database_url, solana_simulate="always") as trader:
        _, landed = await trader.swap(await trader.order(), await trader.quote())
    assert isinstance(landed, Landed)


async def test_a_node_of_another_cluster_is_refused(node: Solana, solana_database_url: str) -> None:
    async with trading(node, solana_database_url, solana_cluster="devnet") as trader:
        quote = await trader.quote()
        with pytest.raises(SigningRefused) as refused:
            await trader.world.chain.latest_blockhash()
        assert refused.value.code == "WRONG_CLUSTER"
        with pytest.raises(AttemptFailed):
            await trader.sign(await trader.order(), quote)


async def test_what_is_no_rpc_node_is_refused(node: Solana, solana_database_url: str) -> None:
    for answer in ("<html>", "[]", '{"result": 7}', '{"jsonrpc": "2.0"}'):
        with answering(answer) as url:
            async with trading(node, solana_database_url, solana_rpc_urls=url) as trader:
                with pytest.raises(SigningRefused) as refused:
                    await trader.world.chain.latest_blockhash()
        assert refused.value.code == "NO_RPC_NODE"


async def test_a_public_clusters_node_is_no_local_one(node: Solana, solana_database_url: str) -> None:
    with answering(json.dumps({"jsonrpc": "2.0", "id": 1, "result": CLUSTERS["mainnet"]})) as url:
        async with trading(node, solana_database_url, solana_rpc_urls=url) as trader:
            with pytest.raises(SigningRefused) as refused:
                await trader.world.chain.latest_blockhash()
    assert refused.value.code == "WRONG_CLUSTER"


@contextmanager
def answering(text: str) -> Iterator[str]:
    """A server that answers every request so."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"solana_rpc_urls": ""}, "SOLANA_RPC_URLS is not set"),
        ({"solana_cluster": "mainnet"}, "SOLANA_ALLOW_MAINNET=yes"),
        ({"solana_cluster": "mainnet", "solana_allow_mainnet": "yes"}, "SOLANA_ORDER_CAPS is not set"),
        ({"solana_max_fee": 15_000}, "more than SOLANA_MAX_FEE=15000"),
        ({"solana_order_caps": "DOGE=1"}, "'DOGE' is no token"),
        ({"solana_order_caps": "SOL=1 SOL=2"}, "SOLANA_ORDER_CAPS: SOL has two amounts"),
        ({"solana_rpc_urls": "http://node:port"}, "SOLANA_RPC_URLS: a URL is"),
        ({"jupiter_url": "http://venue:port"}, "JUPITER_URL: a URL is"),
        ({"solana_order_caps": "SOL=much"}, "SOLANA_ORDER_CAPS: 'SOL=much' is not TOKEN=AMOUNT"),
        ({"solana_day_caps": "USDC=0.0000001"}, "SOLANA_DAY_CAPS: 'USDC=0.0000001' is no amount of USDC"),
    ],
)
async def test_a_wrong_setting_ends_the_start(
    node: Solana, solana_database_url: str, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        async with trading(node, solana_database_url, **settings):
            pass


async def test_a_program_that_is_no_address_is_refused(node: Solana, solana_database_url: str) -> None:
    async with trading(node, solana_database_url, solana_programs="raydium") as trader:
        with pytest.raises(ConfigError, match="'raydium' is no address of a program"):
            _ = trader.world.signer


async def test_on_mainnet_a_token_without_a_cap_is_not_sold(node: Solana, solana_database_url: str) -> None:
    caps = {"solana_order_caps": "USDC=1", "solana_day_caps": "USDC=1"}
    mainnet = {"solana_cluster": "mainnet", "solana_allow_mainnet": "yes"}
    async with trading(node, solana_database_url, **mainnet, **caps) as trader:
        assert await refusal(trader) == "CAP_MISSING"


def test_a_wrong_key_file_is_refused_without_showing_it(
    node: Solana, tmp_path: Path, solana_database_url: str
) -> None:
    key = node.wallet.read_text()
    numbers = json.loads(key)
    wrong = {
        "read by others": (key, 0o644),
        "holds no key": (json.dumps([*numbers[:32], *numbers[:32]]), 0o600),
        "can't be read": (None, 0),
    }
    for said, (text, mode) in wrong.items():
        file = tmp_path / f"{len(said)}.json"
        if text is not None:
            file.write_text(text)
            file.chmod(mode)

        async def sign(file: Path = file) -> None:
            async with trading(node, solana_database_url, solana_key_file=str(file)) as trader:
                _ = trader.world.signer

        with pytest.raises(ConfigError, match=said) as refused:
            asyncio.run(sign())
        assert str(refused.value).endswith("(KEY_UNUSABLE)")
        shown = f"{refused.value!r} {refused.value.__cause__!r} {refused.value.__context__!r}"
        assert json.dumps(numbers[:8])[1:-1] not in shown
        assert key not in shown


async def test_the_audit_finds_a_swap_that_landed_for_a_failed_order_and_reports_it_once(
    node: Solana, solana_database_url: str
) -> None:
    async with trading(node, solana_database_url) as trader:
        good, bad, waiting = [await trader.order() for _ in range(3)]
        signatures = {}
        for order in (good, bad, waiting):
            transaction, _ = await trader.swap(order, await trader.quote())
            signatures[order] = transaction.signature
        await trader.set_status(good, "confirmed", signatures[good])
        await trader.set_status(bad, "failed")
        audit = Audit(trader.database, Rpc([node.url], "local"))
        assert await _until_found(audit, bad)
        assert bad not in await audit.run()
        await trader.set_status(waiting, "failed")
        assert await _until_found(audit, waiting)
        audit.close()


async def _until_found(audit: Audit, order: str) -> bool:
    async with asyncio.timeout(10):
        while order not in await audit.run():  # noqa: ASYNC110 - until the node has finalized it
            await asyncio.sleep(0.05)
    return True
