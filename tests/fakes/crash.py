"""A process that dies at a chosen call."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any


class Crash(BaseException):
    """The end of the process: no code under test catches it."""


class Fuse:
    """Burns at the `at`-th call through it (from 1 on), before the call or, with `after`, once it is done."""

    def __init__(self, at: int, *, after: bool = False) -> None:
        self.left = at
        self.after = after

    @property
    def burnt(self) -> bool:
        return self.left <= 0

    def through(self, port: Any) -> Any:
        """`port`, with every call going through this fuse."""
        return _Fused(port, self)


class _Fused:
    def __init__(self, port: Any, fuse: Fuse) -> None:
        self._port = port
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found):
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            self._fuse.left -= 1
            burns = self._fuse.left == 0
            if burns and not self._fuse.after:
                raise Crash(name)
            result = found(*arguments, **named)
            if not burns:
                return result
            if not isinstance(result, Awaitable):
                raise Crash(name)
            return _crash_after(result, name)

        return call


async def _crash_after(call: Awaitable[Any], name: str) -> None:
    await call
    raise Crash(name)
