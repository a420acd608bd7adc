"""Which node's answer counts, and what is said of nodes that give none."""

from __future__ import annotations

from typing import Any

import pytest
from chalicelib.adapters.http_connections import Answer as HttpAnswer
from chalicelib.adapters.solana.endpoint import Answer, Endpoint
from chalicelib.adapters.solana.rpc import NodeUnavailable, Rpc, RpcRefusal, WrongNode
from chalicelib.adapters.solana.settings import nodes as nodes_of
from chalicelib.config import Config, ConfigError

GENESIS = {"result": "a genesis hash"}
WRONG = Answer(404, None)
URLS = ("http://first", "http://second")


def nodes(monkeypatch: pytest.MonkeyPatch, *answers: Answer | Exception) -> Rpc:
    """Nodes of which each gives the same answer to every request."""
    given = dict(zip(URLS, answers, strict=False))

    async def post(endpoint: Endpoint, body: bytes) -> Answer:
        answer = given[f"http://{endpoint.host}"]
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(Endpoint, "post", post)
    return Rpc(list(given), "local")


async def test_a_node_that_may_come_back_outweighs_one_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    for answers in ((TimeoutError(), WRONG), (WRONG, TimeoutError())):
        with pytest.raises(TimeoutError):
            await nodes(monkeypatch, *answers).call("getEpochInfo")
    with pytest.raises(WrongNode):
        await nodes(monkeypatch, WRONG, WRONG).call("getEpochInfo")


@pytest.mark.parametrize("code", [-32005, -32011, -32016])
async def test_what_another_node_may_know_is_no_answer(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    rpc = nodes(monkeypatch, Answer(200, {"error": {"code": code, "message": "not here"}}))
    with pytest.raises(NodeUnavailable):
        await rpc.call("getSignatureStatuses")


async def test_another_error_is_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = {"error": {"code": -32602, "message": "could not find account"}}
    with pytest.raises(RpcRefusal, match="could not find account"):
        await nodes(monkeypatch, Answer(200, refused), Answer(200, GENESIS)).call("getTokenAccountBalance")


async def test_urls_may_have_spaces_around_their_commas() -> None:
    rpc = nodes_of(Config(solana_rpc_urls="http://127.0.0.1:1 , http://127.0.0.1:2"))
    assert [node.host for node in rpc._nodes] == ["127.0.0.1"] * 2


@pytest.mark.parametrize("url", ["ftp://node", "http://", "http://node:port?key=secret", "http://node:99999"])
async def test_what_is_no_url_of_a_node_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigError, match="SOLANA_RPC_URLS") as refused:
        nodes_of(Config(solana_rpc_urls=url))
    assert url not in f"{refused.value!r} {refused.value.__context__!r} {refused.value.__cause__!r}"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"\xff"', b"[" * 100_000, b'{"a": "\xff"}'])
async def test_what_is_no_json_object_is_none(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = Endpoint("http://venue")

    async def request(message: Any) -> Any:
        return HttpAnswer(200, body)

    monkeypatch.setattr(endpoint._http, "request", request)
    assert await endpoint.post(b"{}") == Answer(200, None)
