"""Token lists: which tokens they add, and which lists are refused at the start."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chalicelib.config import ConfigError
from chalicelib.domain.tokens import TOKENS, Token, add_tokens, all_tokens, find_token
from chalicelib.simulation.market import Market
from chalicelib.simulation.meteora import Meteora
from chalicelib.simulation.orca import Orca
from chalicelib.simulation.raydium import Raydium
from chalicelib.token_list import FUNCTIONS, load_token_list

from tests.fakes import MemoryEngine
from tests.rest import call, submit

WIF_MINT = "EKpQGSJtjMFqKZ9KQanSqYXRcF8fBopzLHYxdM65zcjm"
WIF = Token("WIF", WIF_MINT, 6)
ENTRY: dict[str, object] = {"address": WIF_MINT, "symbol": "WIF", "name": "dogwifhat", "decimals": 6}
SOL = TOKENS[0]
OF_SOL: dict[str, object] = {"address": SOL.mint, "symbol": "SOL", "decimals": 9, "chainId": 101}


def listed(*entries: object) -> str:
    return json.dumps({"name": "A list", "tokens": entries})


@pytest.fixture(autouse=True)
def no_tokens_left() -> Iterator[None]:
    yield
    add_tokens(())


def test_a_list_is_json_or_the_path_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = listed(ENTRY | {"chainId": 101, "logoURI": "https://x", "tags": []})
    (tmp_path / "list.json").write_text(text)
    monkeypatch.chdir(tmp_path)
    for setting in (text, f" {text}", "list.json", str(tmp_path / "list.json")):
        assert load_token_list(setting) == [WIF]


def test_a_list_may_be_packaged_with_the_functions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="tokens"):  # found there, and no list
        load_token_list("chalicelib/openapi.json")
    assert (FUNCTIONS / "chalicelib" / "openapi.json").is_file()


def test_tokens_of_other_chains_and_those_known_anyway_are_left_out() -> None:
    ether: dict[str, object] = {"address": "0x00", "symbol": "?", "decimals": 99, "chainId": 1}
    assert load_token_list(listed(OF_SOL, ether, ENTRY, ENTRY)) == [WIF]
    assert load_token_list(listed()) == []
    for symbol in ("$WIF", "stSOL", "W-F.2", "W+", "w_f", "{W}", "W:F#1&2!(3)~"):
        assert [token.symbol for token in load_token_list(listed(ENTRY | {"symbol": symbol}))] == [symbol]


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("nowhere.json", "there is no file nowhere.json"),
        ("{", "not valid JSON"),
        ("[]", '"tokens"'),
        ("{}", '"tokens"'),
        ('{"tokens": {}}', '"tokens"'),
        (listed(5), r"tokens\[0\] is not an object"),
        (listed(ENTRY, ENTRY | {"symbol": None}), r"tokens\[1\] has the symbol None"),
        (listed(ENTRY | {"symbol": "W F"}), "symbol"),
        (listed(ENTRY | {"symbol": ""}), "symbol"),
        (listed(ENTRY | {"symbol": "W,F"}), "symbol"),
        (listed(ENTRY | {"symbol": "W/F"}), "symbol"),
        (listed(ENTRY | {"symbol": "W'F"}), "symbol"),
        (listed(ENTRY | {"symbol": "W" * 33}), "symbol"),
        (listed(ENTRY | {"symbol": "é"}), "symbol"),
        (listed(ENTRY | {"address": "x"}), "no mint"),
        (listed(ENTRY | {"address": "1" * 44}), "no mint"),
        (listed(ENTRY | {"address": "0" * 43}), "no mint"),  # not a digit of base 58
        (listed({"symbol": "WIF", "address": WIF_MINT}), "decimals None"),
        (listed(ENTRY | {"decimals": 19}), "decimals 19"),
        (listed(ENTRY | {"decimals": True}), "decimals True"),
        (listed(ENTRY | {"decimals": "6"}), "decimals '6'"),
        (listed(OF_SOL | {"decimals": 6}), "both are called So111"),  # would count it in wrong units
        (listed(ENTRY | {"symbol": "USDC"}), "both are called USDC"),  # would name another token
        (listed(ENTRY, ENTRY | {"symbol": "WIF2"}), f"both are called {WIF_MINT}"),
        (listed(ENTRY | {"symbol": SOL.mint}), "the symbol|both are called"),
    ],
)
def test_a_list_that_is_wrong_is_refused_with_the_reason(setting: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=f"^TOKEN_LIST: .*({reason})"):
        load_token_list(setting)


def test_tokens_that_are_added_take_the_place_of_those_before() -> None:
    add_tokens([WIF])
    assert (find_token("WIF"), find_token(WIF_MINT)) == (WIF, WIF)
    assert all_tokens() == (*TOKENS, WIF)
    add_tokens([])
    assert find_token("WIF") is None
    assert all_tokens() == TOKENS


def test_an_order_may_name_a_listed_token() -> None:
    with MemoryEngine(token_list=listed(ENTRY)) as engine:
        shown: list[dict[str, Any]] = call("GET", "/api/tokens").body["tokens"]
        assert shown[-1] == {"symbol": "WIF", "mint": WIF_MINT, "decimals": 6, "tradable": True}
        for name in ("WIF", WIF_MINT):
            order = {"tokenIn": name, "tokenOut": "USDC", "amount": "1.5"}
            answer = submit(json.dumps(order).encode())
            assert engine.store.rows[answer.body["orderId"]].order.terms.amount_in == 1_500_000
        unknown = submit(json.dumps({"tokenIn": "NOPE", "tokenOut": "USDC", "amount": "1"}).encode())
        assert unknown.body["supported"][-1] == "WIF"
        names = json.dumps(call("GET", "/openapi.json").body)
        assert '"enum": ["SOL"' not in names
    with MemoryEngine():
        assert len(call("GET", "/api/tokens").body["tokens"]) == len(TOKENS)


def test_a_list_that_is_wrong_ends_the_start() -> None:
    with pytest.raises(ConfigError, match="TOKEN_LIST"), MemoryEngine(token_list="{"):
        pass


@pytest.mark.parametrize("decimals", [0, 5, 9, 12, 18])
@pytest.mark.parametrize("venue", [Raydium, Meteora, Orca])
def test_every_simulated_venue_has_pools_of_a_listed_token(venue: Any, decimals: int) -> None:
    token, dex = Token("WIF", WIF_MINT, decimals), venue(Market("solana"))
    for other in TOKENS[:2]:
        there = dex.quote_at(other, token, 10**other.decimals * 100, 1_750_000_000_000)
        back = dex.quote_at(token, other, there.amount_out, 1_750_000_000_000)
        assert 10**other.decimals * 80 < back.amount_out < 10**other.decimals * 101
