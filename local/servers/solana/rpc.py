"""JSON-RPC 2.0: a call, or a batch of calls, each answered with a result or an error."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping

from .errors import Code, ReplyLost, RpcError
from .params import Params

Method = Callable[[Params], object]
Answer = dict[str, object]

log = logging.getLogger(__name__)

INVALID_REQUEST = RpcError(Code.INVALID_REQUEST, "Invalid request")


class Rpc:
    """Answers calls of `methods`, which are by name."""

    def __init__(self, methods: Mapping[str, Method]) -> None:
        self._methods = methods

    def answer(self, calls: object) -> object:
        """The answer to what `read_calls` returned; None to notifications. Raises ReplyLost."""
        if not isinstance(calls, list):
            return self._answer(calls)
        if not calls:
            return refused(INVALID_REQUEST)
        answers = [self._answer(call) for call in calls]
        return [answer for answer in answers if answer is not None] or None

    def _answer(self, call: object) -> Answer | None:
        if (
            not isinstance(call, dict)
            or call.get("jsonrpc") != "2.0"
            or not isinstance(call.get("method"), str)
        ):
            return refused(INVALID_REQUEST)
        try:
            answer = {"jsonrpc": "2.0", "result": self._result(call), "id": call.get("id")}
        except RpcError as error:
            answer = _error(call.get("id"), error)
        return answer if "id" in call else None

    def _result(self, call: dict[str, object]) -> object:
        method = self._methods.get(str(call["method"]))
        if method is None:
            raise RpcError(Code.METHOD_NOT_FOUND, "Method not found")
        try:
            return method(Params(call.get("params") or []))
        except (RpcError, ReplyLost):
            raise
        except Exception as error:
            log.exception("solana: call failed method=%s", call["method"])
            raise RpcError(Code.INTERNAL, "Internal error") from error


def read_calls(body: bytes) -> object:
    """The call or the batch in a request's body. Raises RpcError."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise RpcError(Code.PARSE, "Parse error") from None


def methods_of(calls: object) -> set[str]:
    """The names of the methods of a call or a batch."""
    each = calls if isinstance(calls, list) else [calls]
    return {str(call.get("method")) for call in each if isinstance(call, dict)}


def refused(error: RpcError) -> Answer:
    """The answer to a request that is no call."""
    return _error(None, error)


def _error(number: object, error: RpcError) -> Answer:
    return {"jsonrpc": "2.0", "error": error.content(), "id": number}
