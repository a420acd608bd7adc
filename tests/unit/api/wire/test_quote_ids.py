"""What a quote's id says of the quote, and which ids are refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from chalicelib.api.wire.quote_ids import Promise, quote_id, read_quote_id
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.terms import MAX_BASE_UNITS
from hypothesis import given
from hypothesis import strategies as st

from tests.samples import BONK, SOL, USDC

AT = datetime(2026, 1, 31, 12, 0, 0, 123_000, tzinfo=UTC)
ID = quote_id(SOL, USDC, 10**9, Promise(150_000_000, AT))


@pytest.mark.parametrize("minimum_out", [0, 1, MAX_BASE_UNITS])
def test_an_id_says_what_the_quote_promised(minimum_out: int) -> None:
    promise = Promise(minimum_out, AT)
    found = quote_id(SOL, USDC, 10**9, promise)
    assert len(found) == 32
    assert read_quote_id(found, SOL, USDC, 10**9) == promise


@pytest.mark.parametrize(
    ("token_in", "token_out", "amount_in"),
    [(SOL, USDC, 10**9 + 1), (SOL, BONK, 10**9), (BONK, USDC, 10**9), (USDC, SOL, 10**9)],
)
def test_a_quote_on_other_terms_is_refused(token_in: object, token_out: object, amount_in: int) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_quote_id(ID, token_in, token_out, amount_in)  # type: ignore[arg-type]
    assert (refused.value.code, refused.value.details) == ("QUOTE_MISMATCH", {"field": "quoteId"})


@pytest.mark.parametrize("text", ["", "x", ID[:-1], ID + "A", ID[:-1] + "é", "=" * 32, "é" * 32, 5, None])
def test_what_is_no_id_is_refused(text: object) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_quote_id(text, SOL, USDC, 10**9)
    assert refused.value.code == "INVALID_QUOTE_ID"


@pytest.mark.parametrize("place", range(32))
def test_an_id_with_one_character_wrong_is_refused(place: int) -> None:
    wrong = ID[:place] + ("A" if ID[place] != "A" else "B") + ID[place + 1 :]
    with pytest.raises(InvalidRequest) as refused:
        read_quote_id(wrong, SOL, USDC, 10**9)
    assert refused.value.code == "QUOTE_MISMATCH"


@given(st.text(st.characters(codec="ascii"), min_size=32, max_size=32) | st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read_quote_id(text, SOL, USDC, 10**9)
    except InvalidRequest as refusal:
        assert refusal.code in ("INVALID_QUOTE_ID", "QUOTE_MISMATCH")


def test_an_id_that_was_made_up_has_an_expiry_all_the_same() -> None:
    promise = read_quote_id(
        quote_id(SOL, USDC, 1, Promise(1, datetime.max.replace(tzinfo=UTC))), SOL, USDC, 1
    )
    assert promise.expires_at > AT + timedelta(days=365_000)
