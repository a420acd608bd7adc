from __future__ import annotations

from collections.abc import Iterator

import pytest
from chalicelib.domain import errors
from chalicelib.domain.errors import AttemptFailed, EngineError, InvalidRequest


def family(root: type[EngineError]) -> Iterator[type[EngineError]]:
    yield root
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:  # the local runtime adds its own
            yield from family(child)


ALL = list(family(EngineError))


@pytest.mark.parametrize("error", ALL, ids=lambda error: error.__name__)
def test_every_error_has_a_sentence_and_a_code(error: type[EngineError]) -> None:
    assert str(error()).endswith(".")
    assert error.code.isupper()


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [error.code for error in ALL]
    assert len(set(codes)) == len(codes)


def test_the_tree_in_the_docstring_names_every_error() -> None:
    drawn = str(errors.__doc__)
    assert all(error.__name__ in drawn for error in ALL)


def test_only_errors_that_no_retry_can_mend_are_not_retryable() -> None:
    not_retryable = {error.__name__ for error in family(AttemptFailed) if not error.retryable}  # type: ignore[attr-defined]
    assert not_retryable == {"InsufficientLiquidity", "PriceImpactTooHigh", "SigningRefused"}


def test_an_error_can_be_given_its_code_sentence_and_details() -> None:
    error = InvalidRequest("No.", code="SAME_TOKEN", field="tokenOut")
    assert (str(error), error.code, error.details) == ("No.", "SAME_TOKEN", {"field": "tokenOut"})
    assert InvalidRequest.code == "INVALID_REQUEST"  # of the others
