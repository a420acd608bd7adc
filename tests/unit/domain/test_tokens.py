from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import base58
import pytest
from chalicelib.domain.terms import MAX_BASE_UNITS
from chalicelib.domain.tokens import (
    TOKENS,
    Token,
    find_token,
    is_mint,
    learn,
    new_token,
    plain,
    price,
    stored_name,
    stored_token,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.samples import new_mint

units = st.integers(1, MAX_BASE_UNITS)
tokens = st.sampled_from(TOKENS)


def test_the_required_tokens_are_listed() -> None:
    required = {"SOL", "USDC", "USDT", "RAY", "COPE", "FIDA", "JUP", "BONK", "JTO"}
    assert required <= {token.symbol for token in TOKENS}


@pytest.mark.parametrize("token", TOKENS, ids=lambda token: token.symbol)
def test_a_mint_is_32_bytes_in_base58(token: Token) -> None:
    assert len(base58.b58decode(token.mint)) == 32


def test_no_two_tokens_share_a_name() -> None:
    names = [name for token in TOKENS for name in (token.symbol, token.mint)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("token", TOKENS, ids=lambda token: token.symbol)
def test_a_token_is_found_by_its_symbol_and_by_its_mint(token: Token) -> None:
    assert find_token(token.symbol) is token
    assert find_token(token.mint) is token


@pytest.mark.parametrize("name", ["", "sol", "SOL ", " SOL", "SOL\0", "DOGE", "So1111"])
def test_other_names_find_nothing(name: str) -> None:
    assert find_token(name) is None


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("1500", "1500"),
        ("1.5E+3", "1500"),
        ("0.00001000", "0.00001"),
        ("1E-9", "0.000000001"),
        ("0E-9", "0"),
        ("100", "100"),  # the zeros of a whole number stay
        ("9223372036.854775807", "9223372036.854775807"),
    ],
)
def test_a_decimal_is_written_without_exponent_or_trailing_zeros(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text


@given(tokens, st.integers(0, MAX_BASE_UNITS))
def test_the_text_of_an_amount_is_the_amount_exactly(token: Token, base_units: int) -> None:
    text = token.text(base_units)
    assert Fraction(text) * 10**token.decimals == base_units
    assert set(text) <= set("0123456789.")


@given(tokens, units, tokens, units)
def test_a_price_is_truncated_and_never_rounded_up(
    token_out: Token, amount_out: int, token_in: Token, amount_in: int
) -> None:
    exact = Fraction(token_out.text(amount_out)) / Fraction(token_in.text(amount_in))
    shown = Fraction(price(token_out, amount_out, token_in, amount_in))
    assert shown <= exact
    assert exact - shown < exact / 10**11  # 12 significant digits


def test_a_price_with_endless_digits_is_truncated_after_12() -> None:
    sol, usdc = TOKENS[0], TOKENS[1]
    assert plain(price(usdc, 2 * 10**6, sol, 3 * 10**9)) == "0.666666666666"


def test_a_launched_token_is_found_by_its_mint_alone_once_it_is_learned_of() -> None:
    mint = new_mint()
    assert find_token(mint) is None
    learn(new_token(mint, 6))
    assert find_token(mint) == Token(mint, mint, 6)
    assert find_token("WIF") is None


def test_a_token_is_stored_with_what_is_needed_to_read_it_after_its_list_has_changed() -> None:
    mint = new_mint()
    added = Token("WIF", mint, 6)
    for token in (*TOKENS, new_token(mint), added):
        assert stored_token(stored_name(token)) == token
    assert [stored_name(token) for token in (TOKENS[0], new_token(mint))] == ["SOL", mint]
    for name in ("WIF", mint[:-20], "a/b", "a/b/c/d"):
        with pytest.raises(LookupError, match=f"{name} is no token"):
            stored_token(name)


@pytest.mark.parametrize("token", TOKENS, ids=lambda token: token.symbol)
def test_a_listed_token_stays_what_it_is_whatever_is_launched_with_its_mint(token: Token) -> None:
    learn(new_token(token.mint, 0))
    assert find_token(token.mint) is token
    assert not token.is_launched


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (TOKENS[0].mint, True),
        ("1" * 32, True),  # the system program: 32 zero bytes
        ("1" * 31, False),
        ("1" * 33, False),
        (TOKENS[0].mint[:-1], False),
        (TOKENS[0].mint + "1", False),
        ("z" * 44, False),  # more than 32 bytes
        ("0" * 32, False),  # no digit of base58
        ("", False),
    ],
)
def test_a_text_is_a_mint_if_it_is_32_bytes(text: str, is_one: bool) -> None:
    assert is_mint(text) is is_one


@given(st.binary(min_size=28, max_size=36))
def test_whatever_32_bytes_are_is_a_mint_and_nothing_else_is(raw: bytes) -> None:
    assert is_mint(base58.b58encode(raw).decode()) is (len(raw) == 32)
