from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from chalicelib.domain.errors import IllegalTransition
from chalicelib.domain.lifecycle import CANCELLABLE, LIFECYCLE, TERMINAL, Actor, Status, check, sources
from hypothesis import given
from hypothesis import strategies as st


def test_the_lifecycle_leads_to_a_fill() -> None:
    check(Status.PENDING, Status.ROUTING, Actor.CLAIM)
    way = [Status.ROUTING, Status.BUILDING, Status.SUBMITTED, Status.CONFIRMED]
    for before, after in pairwise(way):
        check(before, after, Actor.WORKER)


def test_every_status_is_reached_and_no_edge_is_listed_twice() -> None:
    assert {target for _, target, _ in LIFECYCLE} == set(Status)
    assert Counter(LIFECYCLE).most_common(1)[0][1] == 1


def test_a_client_begins_an_order_which_is_pending_or_rests() -> None:
    assert [(target, actor) for source, target, actor in LIFECYCLE if source is None] == [
        (Status.PENDING, Actor.CLIENT),
        (Status.OPEN, Actor.CLIENT),
    ]


def test_a_resting_order_leaves_its_rest_by_a_trigger_or_its_client_and_never_by_a_worker() -> None:
    assert {(to, actor) for source, to, actor in LIFECYCLE if source is Status.OPEN} == {
        (Status.PENDING, Actor.TRIGGER),
        (Status.EXPIRED, Actor.TRIGGER),
        (Status.CANCELLED, Actor.CLIENT),
    }


def test_an_order_is_cancelled_or_expires_only_while_no_worker_holds_it() -> None:
    assert {Status.OPEN, Status.PENDING} == CANCELLABLE
    assert {*sources(Status.CANCELLED)} == {*sources(Status.EXPIRED)} == CANCELLABLE


def test_only_an_operator_moves_an_order_that_has_ended_and_only_a_failed_one() -> None:
    assert {Status.CONFIRMED, Status.FAILED, Status.CANCELLED, Status.EXPIRED} == TERMINAL
    assert [edge for edge in LIFECYCLE if edge[0] in TERMINAL] == [
        (Status.FAILED, Status.PENDING, Actor.OPERATOR)
    ]


def test_a_worker_can_fail_an_order_at_every_status_it_holds() -> None:
    assert set(sources(Status.FAILED)) == {Status.ROUTING, Status.BUILDING, Status.SUBMITTED}


def test_only_a_submitted_order_can_be_confirmed() -> None:
    assert sources(Status.CONFIRMED) == (Status.SUBMITTED,)


def test_only_an_order_with_an_attempt_can_be_retried() -> None:
    assert set(sources(Status.PENDING, Actor.WORKER)) == {
        Status.ROUTING,
        Status.BUILDING,
        Status.SUBMITTED,
    }


def test_only_a_claim_starts_the_routing() -> None:
    assert sources(Status.ROUTING) == sources(Status.ROUTING, Actor.CLAIM) == (Status.PENDING,)
    assert sources(Status.ROUTING, Actor.WORKER) == ()


@pytest.mark.parametrize("status", Status)
def test_no_status_follows_itself(status: Status) -> None:
    assert status not in sources(status)


@pytest.mark.parametrize("actor", Actor)
@pytest.mark.parametrize("target", Status)
@pytest.mark.parametrize("source", Status)
def test_a_move_is_allowed_exactly_where_the_table_lists_it(
    source: Status, target: Status, actor: Actor
) -> None:
    listed = (source, target, actor) in LIFECYCLE
    assert (source in sources(target, actor)) == listed
    if listed:
        check(source, target, actor)
    else:
        with pytest.raises(IllegalTransition, match=f"{actor} .* {source} to {target}"):
            check(source, target, actor)


@given(st.lists(st.sampled_from(Status), max_size=40))
def test_any_sequence_of_moves_takes_only_steps_of_the_table_and_ends_once(
    targets: list[Status],
) -> None:
    at, steps, ended = Status.PENDING, [Status.PENDING], 0
    for target in targets:
        if at in sources(target, Actor.CLAIM, Actor.WORKER):
            assert at not in TERMINAL
            at = target
            steps.append(at)
            ended += at in TERMINAL
    assert ended <= 1
    assert ended == (at in TERMINAL)
    if Status.CONFIRMED in steps:
        assert steps[-4:] == [Status.ROUTING, Status.BUILDING, Status.SUBMITTED, Status.CONFIRMED]


def test_a_status_is_its_text_on_the_wire() -> None:
    assert "failed" in TERMINAL
    assert f"{Status.PENDING}" == "pending"
