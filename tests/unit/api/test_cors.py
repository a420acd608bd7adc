"""Which pages may use the engine."""

from __future__ import annotations

import pytest
from chalicelib.api.cors import OriginNotAllowed, Origins


@pytest.mark.parametrize(
    ("origin", "host", "admitted"),
    [
        (None, "127.0.0.1:3000", True),  # no page's
        ("http://127.0.0.1:3000", "127.0.0.1:3000", True),
        ("HTTP://LocalHost:3000", "localhost:3000", True),
        ("http://trade.example", "trade.example", True),
        ("http://trade.example", "trade.example:80", True),
        ("https://trade.example", "trade.example:443", True),  # a proxy has the certificate
        ("http://[::1]:3000", "[::1]:3000", True),
        ("http://127.0.0.1:5173", "127.0.0.1:3000", False),  # another program of this machine
        ("http://localhost:3000", "127.0.0.1:3000", False),
        ("http://trade.example", "trade.example:443", False),
        ("http://trade.example.evil", "trade.example", False),
        ("null", "null", False),
        ("", "", False),
        ("http://", "", False),
    ],
)
def test_an_open_engine_admits_its_own_pages(origin: str | None, host: str, admitted: bool) -> None:
    assert Origins().admit(origin, host) is admitted


def test_a_list_adds_origins_and_a_star_all() -> None:
    listed = Origins("https://trade.example , app://desk")
    assert listed.admit("https://trade.example", "x")
    assert listed.admit("app://desk", "x")
    assert listed.admit("http://x", "x")
    assert not listed.admit("http://trade.example", "x")
    assert Origins("https://trade.example,*").admit("null", "x")


def test_where_keys_are_needed_all_may_ask_unless_there_is_a_list() -> None:
    assert Origins(needs_keys=True).admit("http://evil.example", "x")
    assert not Origins("https://trade.example", needs_keys=True).admit("http://evil.example", "x")


def test_the_page_that_may_read_is_named_and_no_other() -> None:
    origins = Origins("https://trade.example")
    assert origins.headers("https://trade.example", "x") == {
        "Vary": "Origin",
        "Access-Control-Allow-Origin": "https://trade.example",
    }
    for origin in ("http://evil.example", None):
        assert origins.headers(origin, "x") == {"Vary": "Origin"}
    assert Origins("*").headers(None, "x") == {"Access-Control-Allow-Origin": "*"}


def test_the_check_names_the_setting() -> None:
    with pytest.raises(OriginNotAllowed, match="ALLOWED_ORIGINS"):
        Origins().check({"origin": "http://evil.example", "host": "x"})
    Origins().check({"host": "x"})
