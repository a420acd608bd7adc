"""The parameters of a request's query string."""

from __future__ import annotations

from chalice.app import Request

from ..domain.errors import InvalidRequest


def parameters(request: Request, known: tuple[str, ...]) -> dict[str, str]:
    """The query string's parameters, each once. Raises InvalidRequest."""
    given = request.query_params
    if given is None:
        return {}
    for name in given:
        if name not in known:
            raise InvalidRequest(f"The parameter {name[:50]!r} is not known.", code="UNKNOWN_FIELD")
        if len(given.getlist(name)) > 1:
            raise InvalidRequest(f"The parameter {name!r} is there twice.", code="DUPLICATE_KEY")
    return dict(given)
