from __future__ import annotations

import pytest
from chalicelib.domain.retry import RetryPolicy
from hypothesis import given
from hypothesis import strategies as st


def test_three_attempts_and_no_more() -> None:
    assert [RetryPolicy().is_last(attempt) for attempt in (1, 2, 3, 4)] == [False, False, True, True]


@pytest.mark.parametrize(("attempt", "least"), [(1, 500), (2, 1000), (3, 2000), (10, 256_000)])
def test_the_back_off_begins_at_500_ms_and_doubles(attempt: int, least: int) -> None:
    assert RetryPolicy().backoff_ms(attempt, 0.0) == least


@given(st.integers(1, 10), st.floats(0, 1, exclude_max=True), st.integers(0, 60_000))
def test_jitter_adds_at_most_a_quarter_and_subtracts_nothing(
    attempt: int, jitter: float, base_ms: int
) -> None:
    least = base_ms * 2 ** (attempt - 1)
    assert least <= RetryPolicy(base_ms=base_ms).backoff_ms(attempt, jitter) <= least * 5 / 4


def test_orders_that_failed_together_are_retried_apart() -> None:
    waits = {RetryPolicy().backoff_ms(1, number / 100) for number in range(100)}
    assert len(waits) == 100
