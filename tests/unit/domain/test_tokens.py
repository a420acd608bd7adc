from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import base58
import pytest
from chalicelib.domain.terms import MAX_BASE_UNITS
from chalicelib.domain.tokens import TOKENS, Token, find_token, plain, price
from hypothesis import given
from hypothesis import strategies as st

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
