from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
from chalicelib.api.wire import routes
from chalicelib.api.wire.events import event_detail
from chalicelib.domain.events import Event, OrderBuilding, OrderConfirmed, OrderEvent
from chalicelib.domain.lifecycle import Status
from chalicelib.domain.routing import Quote, Route

from tests.samples import COPE, QUOTE, ROUTE, SOL, TERMS, USDC

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
CONFIRMED = OrderConfirmed(TERMS, "meteora", "signature", 150_000_000, 7, 5000, 10_000, 151_000_000, ROUTE)


def leg(venue: str, amount_in: int, amount_out: int, fee: int = 1) -> Quote:
    return Quote(venue, SOL, USDC, amount_in, amount_out, fee, 5, pool=f"pool-of-{venue}")


SPLIT = Quote(
    "meteora",
    SOL,
    USDC,
    1000,
    300,
    3,
    5,
    legs=(
        leg("raydium", 333, 100),
        leg("meteora", 500, 150),
        Quote("orca", SOL, COPE, 167, 900, 4, 5),
        Quote("orca", COPE, USDC, 900, 50, 9, 5),
    ),
)


def events(*made: OrderEvent, seconds: float = 1.5) -> list[Event]:
    return [
        Event("id", seq, event.status, 1, AT + seq * timedelta(seconds=seconds), event_detail(event))
        for seq, event in enumerate(made, 1)
    ]


def test_a_route_of_one_leg_is_shown_as_jupiter_shows_it() -> None:
    (only,) = routes.route_plan(QUOTE)
    assert (only.percent, only.bps) == (100, 10_000)
    assert msgspec.to_builtins(only.swap_info)["inAmount"] == str(QUOTE.amount_in)


def test_the_shares_of_what_sells_the_same_token_add_up_and_the_largest_has_the_rest() -> None:
    plan = routes.route_plan(SPLIT)
    assert [step.bps for step in plan] == [3330, 5000, 1670, 10_000]
    assert [step.percent for step in plan] == [33, 50, 16, 100]
    thirds = replace(SPLIT, legs=(leg("raydium", 1, 1), leg("meteora", 1, 1), leg("orca", 1, 1)))
    assert [step.bps for step in routes.route_plan(thirds)] == [3334, 3333, 3333]
    assert plan[3].swap_info.fee_mint == plan[3].swap_info.input_mint == COPE.mint
    assert plan[0].swap_info.amm_key == "pool-of-raydium"


def test_jupiters_amounts_are_base_units_and_its_impact_a_ratio() -> None:
    assert {
        name: value for name, value in routes.jupiter(QUOTE, 149_490_000).items() if name != "route_plan"
    } == {
        "in_amount": "1000000000",
        "out_amount": "151000000",
        "other_amount_threshold": "149490000",
        "price_impact": "0.0001",
    }


def test_a_fill_says_what_was_quoted_what_it_gave_and_what_it_cost() -> None:
    assert msgspec.to_builtins(routes.fill(CONFIRMED)) == {
        "quotedOut": "151",
        "receivedOut": "150",
        "slippageUsedBps": 67,  # 1 of 151 is 66.2 bps
        "priceImpactBps": 1,
        "fees": {
            "network": {"amount": "0.000005", "token": "SOL"},
            "priority": {"amount": "0.00001", "token": "SOL"},
            "venue": [{"amount": "0.002", "token": "SOL"}],
        },
        "bestSingle": {"dex": "meteora", "amountOut": "151"},
    }


def test_a_fill_above_the_quote_has_used_less_than_no_slippage() -> None:
    found = routes.fill(replace(CONFIRMED, amount_out=151_100_000))
    assert found is not None
    assert found.slippage_used_bps == -6  # 6.6 bps more, rounded against the trader


def test_the_fees_of_several_legs_are_summed_by_token() -> None:
    found = routes.fill(replace(CONFIRMED, route=Route(SPLIT, 1, {})))
    assert found is not None
    assert [(fee.amount, fee.token) for fee in found.fees.venue or ()] == [
        ("0.000000006", "SOL"),
        ("0.000009", "COPE"),
    ]
    assert found.best_single is None  # no venue could have filled all of it


def test_an_order_shows_its_route_its_fill_and_the_time_of_each_step() -> None:
    found = routes.explained(events(OrderBuilding(ROUTE), CONFIRMED))
    fill = msgspec.to_builtins(found["fill"])
    assert fill["stepMs"] == {"building": 1500}
    assert fill["bestSingle"] == {"dex": "meteora", "amountOut": "151"}
    assert found["route_plan"] == event_detail(OrderBuilding(ROUTE))["routePlan"]


def test_a_fill_of_a_worker_that_did_not_choose_the_route_is_completed_from_its_event() -> None:
    known = routes.explained(events(OrderBuilding(ROUTE), CONFIRMED))
    resumed = routes.explained(events(OrderBuilding(ROUTE), replace(CONFIRMED, route=None)))
    assert resumed == known


def test_an_order_without_a_fill_shows_none() -> None:
    assert routes.explained([Event("id", 1, Status.PENDING, 1, AT, {})]) == {}
    assert set(routes.explained(events(OrderBuilding(ROUTE)))) == {"route_plan"}


def test_an_order_whose_events_are_of_an_earlier_version_is_shown_without_what_they_lack() -> None:
    old = [
        Event("id", 1, Status.BUILDING, 1, AT, {"chosen": "raydium", "route": {"dex": "raydium"}}),
        Event("id", 2, Status.CONFIRMED, 1, AT, {"dex": "raydium", "amountOut": "1"}),
    ]
    assert routes.explained(old) == {}
    half = [old[0], *events(OrderBuilding(ROUTE), replace(CONFIRMED, route=None))[1:]]
    fill = msgspec.to_builtins(routes.explained(half)["fill"])
    assert "bestSingle" not in fill
    assert fill["quotedOut"] == "151"
