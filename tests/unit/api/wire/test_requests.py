from __future__ import annotations

import json
from decimal import Decimal

import pytest
from chalicelib.api.wire import answers
from chalicelib.api.wire.requests import MAX_BODY_BYTES, json_object
from chalicelib.api.wire.requests import order_id as parse_order_id
from chalicelib.api.wire.requests import terms as parse_terms
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.terms import MAX_BASE_UNITS, Terms
from chalicelib.domain.tokens import TOKENS
from hypothesis import given
from hypothesis import strategies as st

from tests.samples import RULES, SOL, TERMS, USDC


def terms(text: str) -> Terms:
    """What the engine makes of a body."""
    return parse_terms(json_object(text.encode()), RULES)


def body(**changes: str) -> str:
    """A good order of one SOL, with these fields' JSON in place of its own; an empty one is left out."""
    fields = {"tokenIn": '"SOL"', "tokenOut": '"USDC"', "amount": "1"} | changes
    return "{" + ", ".join(f'"{name}": {value}' for name, value in fields.items() if value) + "}"


@pytest.mark.parametrize(
    ("amount", "base_units"),
    [
        ("1", 10**9),
        ('"1"', 10**9),
        ("1.5", 1_500_000_000),
        ('"0.000000001"', 1),
        ("1e3", 10**12),
        ("1E-9", 1),
        ('"1.50000000000000000000"', 1_500_000_000),  # zeros are no precision
        ("0.1", 10**8),  # a float would be off
        ("0.3", 3 * 10**8),
        ('"+1"', 10**9),
        ("9223372036.854775807", MAX_BASE_UNITS),
        ('"9223372036.854775807"', MAX_BASE_UNITS),
        ("123456789.123456789", 123_456_789_123_456_789),  # more digits than a float holds
    ],
)
def test_an_amount_is_taken_exactly(amount: str, base_units: int) -> None:
    assert terms(body(amount=amount)).amount_in == base_units


def test_a_symbol_or_a_mint_names_a_token() -> None:
    by_mint = terms(body(tokenIn=f'"{SOL.mint}"', tokenOut=f'"{USDC.mint}"'))
    assert by_mint == terms(body()) == TERMS


@pytest.mark.parametrize(("text", "bps"), [("", 100), ("1", 1), ("5000", 5000), ("100.0", 100), ("1e2", 100)])
def test_the_slippage_limit_is_the_clients_or_the_default(text: str, bps: int) -> None:
    assert terms(body(slippageBps=text)).slippage_bps == bps


@pytest.mark.parametrize(
    ("text", "code", "field"),
    [
        (body(tokenIn=""), "MISSING_FIELD", "tokenIn"),
        (body(tokenOut=""), "MISSING_FIELD", "tokenOut"),
        (body(amount=""), "MISSING_FIELD", "amount"),
        ("{}", "MISSING_FIELD", "tokenIn"),
        (body(price="1"), "UNKNOWN_FIELD", "price"),
        (body(tokenin='"SOL"'), "UNKNOWN_FIELD", "tokenin"),  # names are exact
        (body(orderType='"market"'), "UNKNOWN_FIELD", "orderType"),
        ('{"\\u0000": 1}', "UNKNOWN_FIELD", "\0"),
        ('{"\\ud800": 1}', "UNKNOWN_FIELD", "?"),  # half of a pair: valid JSON, and no character
        (body(tokenIn="null"), "INVALID_TYPE", "tokenIn"),
        (body(tokenIn="1"), "INVALID_TYPE", "tokenIn"),
        (body(tokenIn='["SOL"]'), "INVALID_TYPE", "tokenIn"),
        (body(tokenOut='{"symbol": "USDC"}'), "INVALID_TYPE", "tokenOut"),
        (body(tokenOut="true"), "INVALID_TYPE", "tokenOut"),
        (body(tokenIn='"DOGE"'), "UNKNOWN_TOKEN", "tokenIn"),
        (body(tokenIn='"sol"'), "UNKNOWN_TOKEN", "tokenIn"),
        (body(tokenOut='""'), "UNKNOWN_TOKEN", "tokenOut"),
        (body(tokenOut='"USDC\\u0000"'), "UNKNOWN_TOKEN", "tokenOut"),  # NUL ends no string here
        (body(tokenOut='"SOL"'), "SAME_TOKEN", "tokenOut"),
        (body(tokenOut=f'"{SOL.mint}"'), "SAME_TOKEN", "tokenOut"),  # by its other name
        (body(amount="true"), "INVALID_TYPE", "amount"),  # in Python a kind of 1
        (body(amount="null"), "INVALID_TYPE", "amount"),
        (body(amount="[1]"), "INVALID_TYPE", "amount"),
        (body(amount='{"value": 1}'), "INVALID_TYPE", "amount"),
        (body(amount='"abc"'), "INVALID_AMOUNT", "amount"),
        (body(amount='""'), "INVALID_AMOUNT", "amount"),
        (body(amount='" 1"'), "INVALID_AMOUNT", "amount"),
        (body(amount='"1\\n"'), "INVALID_AMOUNT", "amount"),
        (body(amount='"1_000"'), "INVALID_AMOUNT", "amount"),  # Decimal would take it
        (body(amount='"1,5"'), "INVALID_AMOUNT", "amount"),
        (body(amount='".5"'), "INVALID_AMOUNT", "amount"),
        (body(amount='"5."'), "INVALID_AMOUNT", "amount"),
        (body(amount='"0x10"'), "INVALID_AMOUNT", "amount"),
        (body(amount='"١"'), "INVALID_AMOUNT", "amount"),  # a digit, but not one of JSON's
        (body(amount='"1\\u0000"'), "INVALID_AMOUNT", "amount"),
        (body(amount='"NaN"'), "INVALID_AMOUNT", "amount"),
        (body(amount='"Infinity"'), "INVALID_AMOUNT", "amount"),
        (body(amount='"sNaN"'), "INVALID_AMOUNT", "amount"),  # the one that raises when it is compared
        (body(amount="0"), "INVALID_AMOUNT", "amount"),
        (body(amount="-0.0"), "INVALID_AMOUNT", "amount"),
        (body(amount="0e999999"), "INVALID_AMOUNT", "amount"),
        (body(amount="-1"), "INVALID_AMOUNT", "amount"),
        (body(amount='"-1"'), "INVALID_AMOUNT", "amount"),
        (body(amount="1e99999999999999999999"), "INVALID_AMOUNT", "amount"),  # beyond Decimal's exponents
        (body(amount='"1e99999999999999999999"'), "INVALID_AMOUNT", "amount"),
        (body(amount="1." + "0" * 200 + "1"), "INVALID_AMOUNT", "amount"),
        (body(amount='"' + "1" * 101 + '"'), "INVALID_AMOUNT", "amount"),
        (body(amount="1e400"), "AMOUNT_TOO_LARGE", "amount"),  # a float would call it infinite
        (body(amount='"1e999999"'), "AMOUNT_TOO_LARGE", "amount"),
        (body(amount="9223372036.854775808"), "AMOUNT_TOO_LARGE", "amount"),  # one base unit more
        (body(amount="9" * 60), "AMOUNT_TOO_LARGE", "amount"),
        (body(amount="1e-400"), "AMOUNT_TOO_SMALL", "amount"),  # a float would call it zero
        (body(amount='"1e-999999"'), "AMOUNT_TOO_SMALL", "amount"),
        (body(amount="0.0000000009"), "AMOUNT_TOO_SMALL", "amount"),
        (body(amount="0.0000000010000001"), "AMOUNT_TOO_PRECISE", "amount"),
        (body(amount="1.0000000001"), "AMOUNT_TOO_PRECISE", "amount"),
        (body(tokenIn='"BONK"', amount="1.000001"), "AMOUNT_TOO_PRECISE", "amount"),  # it has 5 decimals
        (body(slippageBps="0"), "INVALID_SLIPPAGE", "slippageBps"),
        (body(slippageBps="5001"), "INVALID_SLIPPAGE", "slippageBps"),
        (body(slippageBps="-1"), "INVALID_SLIPPAGE", "slippageBps"),
        (body(slippageBps="1.5"), "INVALID_SLIPPAGE", "slippageBps"),
        (body(slippageBps="1e400"), "INVALID_SLIPPAGE", "slippageBps"),
        (body(slippageBps="1e99999999999999999999"), "INVALID_SLIPPAGE", "slippageBps"),
        (body(slippageBps='"100"'), "INVALID_TYPE", "slippageBps"),
        (body(dexes=json.dumps(["raydium"] * 17)), "INVALID_TYPE", "dexes"),
        (body(excludeDexes=json.dumps(["x" * 33])), "INVALID_TYPE", "excludeDexes"),
        (body(slippageBps="true"), "INVALID_TYPE", "slippageBps"),
        (body(slippageBps="null"), "INVALID_TYPE", "slippageBps"),
    ],
)
def test_an_invalid_request_has_its_code_and_field(text: str, code: str, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        terms(text)
    assert (caught.value.code, caught.value.details["field"]) == (code, field)
    assert str(caught.value).endswith(".")
    answers.text(answers.error(caught.value)).encode()


def test_an_unknown_token_is_answered_with_the_supported_ones() -> None:
    with pytest.raises(InvalidRequest) as caught:
        terms(body(tokenIn='"DOGE"'))
    assert caught.value.details["supported"] == [token.symbol for token in TOKENS]


def test_a_long_field_name_is_shortened_in_the_error() -> None:
    with pytest.raises(InvalidRequest) as caught:
        terms('{"' + "x" * 10_000 + '": 1}')
    assert len(answers.text(answers.error(caught.value))) < 400


@given(st.sampled_from(TOKENS), st.integers(1, MAX_BASE_UNITS))
def test_every_amount_comes_through_unchanged_as_text_and_as_number(token: object, base_units: int) -> None:
    other = next(known for known in TOKENS if known is not token)
    text = token.text(base_units)  # type: ignore[attr-defined]
    for amount in (text, Decimal(text)):
        given_terms = {"tokenIn": token.symbol, "tokenOut": other.symbol, "amount": amount}  # type: ignore[attr-defined]
        assert parse_terms(given_terms, RULES).amount_in == base_units


@given(st.text(max_size=20) | st.decimals(allow_nan=True, allow_infinity=True))
def test_any_amount_gives_terms_or_an_error(amount: object) -> None:
    try:
        found = parse_terms({"tokenIn": "SOL", "tokenOut": "USDC", "amount": amount}, RULES)
    except InvalidRequest as error:
        assert error.code.startswith(("INVALID_AMOUNT", "AMOUNT_TOO_"))
    else:
        assert 0 < found.amount_in <= MAX_BASE_UNITS


def test_an_order_id_is_brought_into_its_canonical_form() -> None:
    assert parse_order_id("AAAAAAAA-AAAA-4AAA-8AAA-AAAAAAAAAAAA") == "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "not-a-uuid",
        None,
        5,
        ["11111111-1111-4111-8111-111111111111"],
        "11111111111141118111111111111111",  # without its hyphens
        "{11111111-1111-4111-8111-111111111111}",
        "urn:uuid:11111111-1111-4111-8111-111111111111",
        "11111111-1111-4111-8111-11111111111g",
        "11111111-1111-4111-8111-11111111111\0",
        "١1111111-1111-4111-8111-111111111111",
        "1111111111-11-4111-8111-111111111111",  # hyphens at the wrong places
    ],
)
def test_an_invalid_order_id_is_refused(text: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_order_id(text)
    assert caught.value.code == "INVALID_ORDER_ID"


def test_the_largest_batch_that_the_document_allows_is_read() -> None:
    order = {
        "tokenIn": "So11111111111111111111111111111111111111112",
        "tokenOut": "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGkZwyTDt1v",
        "amount": "1".zfill(100),
        "minimumOut": "1".zfill(100),
        "limitPrice": "1".zfill(38),
        "slippageBps": 5000,
        "maxPriceImpactBps": 10000,
        "type": "limit",
        "expiresAt": "2027-11-27T05:39:06.123456+00:00",
        "clientOrderId": "k" * 64,
        "dexes": ["x" * 32] * 16,
    }
    assert len(json.dumps({"orders": [order] * 100})) <= MAX_BODY_BYTES
