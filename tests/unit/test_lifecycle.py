from __future__ import annotations

from itertools import pairwise

import pytest
from chalicelib.domain.lifecycle import NEXT, TERMINAL, Status, sources
from hypothesis import given
from hypothesis import strategies as st


def test_the_way_to_a_fill() -> None:
    way = [Status.PENDING, Status.ROUTING, Status.BUILDING, Status.SUBMITTED, Status.CONFIRMED]
    assert all(after in NEXT[before] for before, after in pairwise(way))


def test_every_status_has_its_row_and_names_statuses_only() -> None:
    assert set(NEXT) == set(Status)
    assert frozenset().union(*NEXT.values()) <= set(Status)


def test_what_has_ended_stays_as_it_is() -> None:
    assert {Status.CONFIRMED, Status.FAILED} == TERMINAL
    assert all(not NEXT[status] for status in TERMINAL)


def test_an_order_can_fail_from_wherever_it_still_moves() -> None:
    assert set(sources(Status.FAILED)) == set(Status) - TERMINAL


def test_only_what_was_submitted_can_be_confirmed() -> None:
    assert sources(Status.CONFIRMED) == (Status.SUBMITTED,)


def test_only_what_was_tried_can_be_tried_again() -> None:
    assert set(sources(Status.PENDING)) == {Status.ROUTING, Status.BUILDING, Status.SUBMITTED}


@pytest.mark.parametrize("status", Status)
def test_no_status_follows_itself(status: Status) -> None:
    assert status not in NEXT[status]


@pytest.mark.parametrize("target", Status)
def test_sources_and_the_table_say_the_same(target: Status) -> None:
    assert set(sources(target)) == {status for status in Status if target in NEXT[status]}


@given(st.lists(st.sampled_from(Status), max_size=40))
def test_whatever_is_asked_of_an_order_it_only_takes_steps_of_the_table_and_ends_once(
    asked: list[Status],
) -> None:
    at, steps, ended = Status.PENDING, [Status.PENDING], 0
    for target in asked:
        if at in sources(target):
            assert at not in TERMINAL
            at = target
            steps.append(at)
            ended += at in TERMINAL
    assert ended <= 1
    assert ended == (at in TERMINAL)
    if Status.CONFIRMED in steps:
        assert steps[-4:] == [Status.ROUTING, Status.BUILDING, Status.SUBMITTED, Status.CONFIRMED]


def test_a_status_is_the_text_that_travels() -> None:
    assert "failed" in TERMINAL
    assert f"{Status.PENDING}" == "pending"
