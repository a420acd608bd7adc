"""The rules of injected faults: what they apply to, how often, and which are refused."""

from __future__ import annotations

from random import Random

import pytest
from chalicelib.domain.tokens import find_token

from local.servers.solana.faults import Faults, Kind, WrongRule


def test_a_rule_without_options_always_strikes() -> None:
    faults = Faults("rpc-silent")
    assert all(faults.strike(Kind.RPC_SILENT, {"getSlot"}) for _ in range(3))
    assert not faults.strike(Kind.RPC_LATE, {"getSlot"})


def test_times_counts_each_occasion_for_itself() -> None:
    faults = Faults("send-dropped times=2")
    struck = [faults.strike(Kind.SEND_DROPPED, (), occasion) for occasion in "aabab"]
    assert struck == [True, True, True, False, True]


def test_a_rule_is_narrowed_to_a_method_or_a_token() -> None:
    usdc, sol = (token.mint for name in ("USDC", "SOL") if (token := find_token(name)))
    faults = Faults("rate-limited method=getSlot; reply-lost token=USDC")
    assert faults.strike(Kind.RATE_LIMITED, {"getSlot", "getVersion"})
    assert not faults.strike(Kind.RATE_LIMITED, {"getVersion"})
    assert faults.strike(Kind.REPLY_LOST, {usdc, sol})
    assert not faults.strike(Kind.REPLY_LOST, {sol})


def test_a_rate_strikes_by_chance() -> None:
    faults = Faults("rpc-late rate=0.3", Random(1))
    struck = sum(faults.strike(Kind.RPC_LATE, ()) for _ in range(1_000))
    assert 250 < struck < 350


def test_the_first_rule_that_strikes_decides() -> None:
    faults = Faults("rpc-late times=1; rpc-late times=1")
    assert [faults.strike(Kind.RPC_LATE, ()) for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("explode", "explode"),
        ("rpc-late times=0", "times=0"),
        ("rpc-late times=x", "times=x"),
        ("rpc-late rate=2", "rate=2"),
        ("rpc-late rate=nan", "rate=nan"),
        ("rpc-late method=", "method="),
        ("rpc-late token=USDC", "token=USDC"),  # an option of other faults
        ("reply-lost method=getSlot", "method=getSlot"),
        ("reply-lost token=NOPE", "token=NOPE"),
        ("rpc-late sometimes", "sometimes"),
    ],
)
def test_a_malformed_rule_is_refused_by_name_and_changes_nothing(text: str, named: str) -> None:
    faults = Faults("rpc-silent")
    with pytest.raises(WrongRule, match=named):
        faults.set(f"rpc-late; {text}")
    assert faults.text == "rpc-silent"
    assert not faults.strike(Kind.RPC_LATE, ())
