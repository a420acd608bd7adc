"""HTTP for a broker: SQS's JSON protocol at `/`, and `GET /health`.

It takes requests that are signed with its one access key; `/health` needs no signature. It listens on
127.0.0.1, and refuses requests of web pages (they name their Origin, or a Host that is not this machine).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

from ...errors import ServiceError
from ...ids import new_id
from ...signatures import AccessKey, NoSignature, NotSigned, UnknownKey, Verifier, WrongSignature
from ..queues import DEAD_LETTERS, ORDERS, QueueSettings, declare_queues
from .access import kept_key
from .broker import ACCOUNT, Broker
from .errors import InvalidAction, SqsError
from .journal import Journal, JournalError
from .protocol import Protocol, Result

LONGEST_REQUEST = 8 * 1024 * 1024  # bytes; a full batch whose every byte is escaped has 6 MiB
NAMES: dict[type[NotSigned], str] = {
    NoSignature: "MissingAuthenticationToken",
    UnknownKey: "InvalidClientTokenId",
    WrongSignature: "SignatureDoesNotMatch",
}

log = logging.getLogger(__name__)


class Refused(Exception):
    """A request that is not looked into: status, SQS's name for the reason, and a sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.reply = Reply(status, _error(code, message), f"{code};Sender")


@dataclass(frozen=True)
class Reply:
    """A response; `query_error` is what the older query protocol says of a failure."""

    status: int
    content: Result
    query_error: str = ""


def listen(port: int = 0) -> socket.socket:
    """A listening socket on 127.0.0.1; port 0 is any that is free. Raises OSError."""
    # With the protocol said, or asyncio leaves Nagle's algorithm on and each response waits 40 ms for an ACK.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen(2048)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening


@contextlib.asynccontextmanager
async def serving(broker: Broker, listening: socket.socket, key: AccessKey) -> AsyncIterator[str]:
    """Serve `broker` on a socket of `listen`, which is closed in the end, for clients with `key`; its URL."""
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    app = _App(Protocol(broker, url), Verifier(key, "sqs"))
    server = _Server(_config(app))
    running = asyncio.create_task(server.serve(sockets=[listening]))
    starting = asyncio.create_task(server.ready.wait())
    try:
        await asyncio.wait({running, starting}, return_when=asyncio.FIRST_COMPLETED)
        yield url
    finally:
        starting.cancel()
        server.should_exit = True
        await app.stop()
        await running


class HostedSqs:
    """SQS inside the engine's own process: the functions use the broker, other processes reach it over HTTP.

    For `Services` it is a server: its port is taken when the servers start, so that its URL is known. The
    engine serves it with `hosting()` once it has a loop. Without `key` it makes its own.
    """

    name = "SQS"
    version = ""  # ours, and so this repository's
    how = "in this process"

    def __init__(
        self, folder: Path, region: str, queues: QueueSettings, *, key: AccessKey | None = None
    ) -> None:
        self.folder = folder
        self._region = region
        self._queues = queues
        self._given_key = key
        self.key: AccessKey  # that other processes must sign their requests with, once started
        self._listening: socket.socket | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Where clients reach it while it is hosted."""
        return f"http://127.0.0.1:{self._port}"

    address = url

    @property
    def queue_url(self) -> str:
        """The URL of the queue of orders."""
        return f"{self.url}/{ACCOUNT}/{ORDERS}"

    @property
    def dead_letter_url(self) -> str:
        """The URL of the dead-letter queue."""
        return f"{self.url}/{ACCOUNT}/{DEAD_LETTERS}"

    def start(self) -> None:
        """Take a port, and make the folder and the key. Raises ServiceError."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.folder.chmod(0o700)
            self.key = self._given_key or kept_key(self.folder)
            self._listening = listen()
        except OSError as error:
            raise ServiceError(f"SQS cannot be served from {self.folder}: {error}.") from error
        self._port = self._listening.getsockname()[1]

    @contextlib.asynccontextmanager
    async def hosting(self) -> AsyncIterator[Broker]:
        """The broker, on the running loop and served at `url` until the block ends. Raises ServiceError."""
        assert self._listening is not None  # started
        try:
            broker = Broker(Journal(self.folder / "journal"), region=self._region)
        except (OSError, JournalError) as error:
            raise ServiceError(f"SQS cannot read its messages: {error}") from error
        declare_queues(broker, self._queues)
        async with serving(broker, self._listening, self.key):
            yield broker
        broker.close()

    def stop(self) -> None:
        """Leave the port. Harmless when it has been left."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None


class _App:
    def __init__(self, protocol: Protocol, verifier: Verifier) -> None:
        self._protocol = protocol
        self._verifier = verifier
        self._polls: set[asyncio.Task[Result]] = set()

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            return
        try:
            reply = await self._reply(scope, receive)
        except Refused as refused:
            reply = refused.reply
        except NotSigned as error:
            reply = Refused(403, NAMES[type(error)], str(error)).reply
        except SqsError as error:
            reply = Reply(error.status, _error(error.shape, str(error)), f"{error.code};{error.fault}")
        except Exception:
            log.exception("a request failed")
            reply = Reply(500, _error("InternalError", "Something failed here."), "InternalError;Receiver")
        if reply is not None:
            await _respond(send, reply)

    async def stop(self) -> None:
        """End the long polls and the move tasks."""
        for poll in self._polls:
            poll.cancel()
        await self._protocol.moves.stop()

    async def _reply(self, scope: HTTPScope, receive: ASGIReceiveCallable) -> Reply | None:
        headers = dict(scope["headers"])
        _refuse_strangers(headers)
        if scope["path"] == "/health":
            return Reply(200, {"service": "sqs", "pid": os.getpid()})
        body = await _body(receive, headers)
        path, query = scope["raw_path"], scope["query_string"]
        self._verifier.check(scope["method"], path, query, scope["headers"], body)
        target = headers.get(b"x-amz-target", b"").decode("latin-1")
        result = await self._answer(target, _parse(body), receive)
        return None if result is None else Reply(200, result)

    async def _answer(self, target: str, given: Any, receive: ASGIReceiveCallable) -> Result | None:
        if not target.endswith(".ReceiveMessage"):
            return await self._protocol.answer(target, given)
        # A client that leaves during its long poll is given no message: it would be hidden for nothing.
        poll = asyncio.create_task(self._protocol.answer(target, given))
        leaving = asyncio.ensure_future(receive())
        self._polls.add(poll)
        try:
            await asyncio.wait({poll, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not poll.done():
                poll.cancel()
                await asyncio.wait({poll})
                return None
            return {} if poll.cancelled() else poll.result()
        finally:
            self._polls.discard(poll)
            poll.cancel()
            leaving.cancel()


def _refuse_strangers(headers: dict[bytes, bytes]) -> None:
    if b"origin" in headers or not _is_loopback(headers.get(b"host", b"").decode("latin-1")):
        raise Refused(403, "AccessDenied", "Web pages have no access to this server.")


def _is_loopback(host: str) -> bool:
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


async def _body(receive: ASGIReceiveCallable, headers: dict[bytes, bytes]) -> bytes:
    declared = headers.get(b"content-length", b"0")
    body = b""
    while True:
        if len(body) > LONGEST_REQUEST or (declared.isdigit() and int(declared) > LONGEST_REQUEST):
            raise Refused(413, "RequestEntityTooLarge", f"A request has at most {LONGEST_REQUEST} bytes.")
        message = await receive()
        if message["type"] != "http.request":
            raise Refused(400, "IncompleteBody", "The request ended in the middle.")
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise InvalidAction("The request is not JSON: this endpoint has AWS's JSON protocol alone.") from None


async def _respond(send: ASGISendCallable, reply: Reply) -> None:
    body = json.dumps(reply.content, separators=(",", ":")).encode()
    headers = [
        (b"content-type", b"application/x-amz-json-1.0"),
        (b"content-length", str(len(body)).encode()),
        (b"x-amzn-requestid", new_id().encode()),
    ]
    if reply.query_error:
        headers.append((b"x-amzn-query-error", reply.query_error.encode()))
    if reply.status == 413:
        headers.append((b"connection", b"close"))  # what is left of the body is not read
    await send({"type": "http.response.start", "status": reply.status, "headers": headers, "trailers": False})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _error(shape: str, message: str) -> Result:
    return {"__type": f"com.amazonaws.sqs#{shape}", "message": message}


def _config(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        loop="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=120,  # longer than boto3 leaves a connection idle between two polls
        timeout_graceful_shutdown=1,
    )


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # signals belong to the process, which may have more to do than this

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()
