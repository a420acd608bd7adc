"""Solana's JSON-RPC over HTTP: one node after the other, each only once its cluster is known.

A node that is away, silent, limits us, is behind or is of another cluster has not answered: the next one is
asked, and the call fails with an OSError when none has. What a node answers, an error of Solana's included,
is the answer: no other one is asked.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

import msgspec

from .endpoint import RATE_LIMITED, Endpoint

log = logging.getLogger(__name__)

REPORTED_EVERY_S = 5.0
NODE_ERRORS = (-32004, -32005, -32007, -32009, -32011, -32014, -32016)
"""Codes of what another node may do better: it is behind, or does not have the block, slot or history."""

CLUSTERS = {
    "mainnet": "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d",
    "devnet": "EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxkZrkDG",
    "testnet": "4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY",
}
"""The genesis hashes of the public clusters; what has another one is local."""


class RpcRefusal(Exception):
    """A node's error: JSON-RPC's `code`, and Solana's TransactionError as JSON where there is one."""

    def __init__(self, code: int, message: str, error: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.error = error


class NodeUnavailable(OSError):
    """A node gave no answer that can be used."""


class WrongNode(NodeUnavailable):
    """What answers is no node of the cluster, which no later call will mend; `code` says why."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


@contextmanager
def reading(method: str) -> Iterator[None]:
    """Read the result of a method: one of another form is none. Raises NodeUnavailable."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise NodeUnavailable(f"The node's answer to {method} has another form than Solana's.") from error


class Rpc:
    """The nodes at `urls`, which must be of `cluster`.

    Raises ValueError for what is no URL; calls raise OSError and RpcRefusal.
    """

    def __init__(self, urls: Sequence[str], cluster: str) -> None:
        self._nodes = [Node(url) for url in urls]
        self._cluster = cluster
        self._first = 0  # of the nodes, the one that is asked first

    async def call(self, method: str, *params: object) -> Any:
        """The result of a method. Raises WrongNode only where every node is a wrong one."""
        failure: OSError = NodeUnavailable("No RPC node is set.")
        for turn in range(len(self._nodes)):
            at = (self._first + turn) % len(self._nodes)
            try:
                result = await self._ask(self._nodes[at], method, params)
            except OSError as error:
                self._nodes[at].report(method, error)
                if turn == 0 or not isinstance(error, WrongNode):
                    failure = error
            else:
                self._first = at
                return result
        raise failure

    async def _ask(self, node: Node, method: str, params: Sequence[object]) -> Any:
        if not node.is_checked:
            self._check(node, await node.call("getGenesisHash"))
        return await node.call(method, *params)

    def _check(self, node: Node, genesis: object) -> None:
        if not isinstance(genesis, str):
            raise WrongNode(f"{node.host} is no Solana RPC node.", code="NO_RPC_NODE")
        wanted = CLUSTERS.get(self._cluster)
        if (genesis != wanted) if wanted else (genesis in CLUSTERS.values()):
            found = next((name for name, known in CLUSTERS.items() if known == genesis), "another one")
            raise WrongNode(
                f"SOLANA_CLUSTER is {self._cluster}, but {node.host} is of {found}.", code="WRONG_CLUSTER"
            )
        node.is_checked = True

    def close(self) -> None:
        """Close the connections; no call may be under way."""
        for node in self._nodes:
            node.close()


class Node:
    """One node. `url` may hold a key in its path or query: only its host is named elsewhere."""

    def __init__(self, url: str) -> None:
        self._endpoint = Endpoint(url)
        self.host = self._endpoint.host
        self.is_checked = False
        self._silent_until = 0.0
        self._ids = count(1)

    def report(self, method: str, error: OSError) -> None:
        """Log that it is unavailable, once in some seconds: all orders in flight ask it again and again."""
        now = time.monotonic()
        if now >= self._silent_until:
            log.warning("rpc: node unavailable host=%s method=%s error=%r", self.host, method, error)
            self._silent_until = now + REPORTED_EVERY_S

    async def call(self, method: str, *params: object) -> Any:
        """The result of a method. Raises OSError, RpcRefusal."""
        request = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        answer = await self._endpoint.post(msgspec.json.encode(request))
        if answer.status == RATE_LIMITED:
            raise NodeUnavailable(f"{self.host} limits our requests.")
        reply = answer.found
        if reply is None or not ("result" in reply or isinstance(reply.get("error"), dict)):
            if answer.status >= 500:
                raise NodeUnavailable(f"{self.host} answers {answer.status}.")
            raise WrongNode(
                f"{self.host} is no Solana RPC node: it answers {answer.status}.", code="NO_RPC_NODE"
            )
        if "result" in reply:
            return reply["result"]
        raise _error(self.host, reply["error"])

    def close(self) -> None:
        """Close the connections."""
        self._endpoint.close()


def _error(host: str, error: Mapping[str, Any]) -> Exception:
    code, message, data = error.get("code", 0), str(error.get("message", "")), error.get("data")
    if code in NODE_ERRORS:
        return NodeUnavailable(f"{host}: {message}")
    return RpcRefusal(code, message, data.get("err") if isinstance(data, dict) else None)
