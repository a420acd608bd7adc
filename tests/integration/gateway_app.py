"""A small Chalice app with the engine's routes and handlers, and the gateway serving it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from types import ModuleType
from typing import Any

from chalice.app import Chalice, CORSConfig, Response

from local.calls import wait
from local.gateway import Gateway, GatewaySettings, listen, serve_on

NAMES = ("engine", "x", "a", "trade.example")  # that tests call the gateway by
SOCKET_PATH = "/api/orders/execute"


class App(ModuleType):
    """The functions, which record every event; `on_connect` and `on_message` give their answers."""

    def __init__(self) -> None:
        super().__init__("app")
        self.events: list[dict[str, Any]] = []
        self.on_connect: Callable[[dict[str, Any]], Any] = lambda event: {"statusCode": 200}
        self.on_message: Callable[[dict[str, Any]], Any] = lambda event: {"statusCode": 200}
        self.release = asyncio.Event()  # lets /wait answer
        self._loop = asyncio.get_running_loop()
        self.app = self._chalice()

    def of_type(self, event_type: str) -> list[dict[str, Any]]:
        """The WebSocket events of one type, in the order they came."""
        return [event for event in self.events if event["requestContext"].get("eventType") == event_type]

    def wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        """What `work` gives, while the handler that calls this waits, as with `runtime.run`."""
        return wait(work, self._loop)

    def _chalice(self) -> Chalice:
        app = Chalice("gateway-test", configure_logs=False)

        @app.route("/api/orders/execute", methods=["POST"], content_types=["*/*"])
        @app.route("/api/orders/{orderId}")
        def echo(**_: str) -> Any:
            request = app.current_request
            self.wait(asyncio.sleep(0.002))  # let other handlers run: the request must stay this handler's
            assert request is app.current_request
            return request and request.to_original_event()

        @app.route("/wait")
        def wait() -> dict[str, bool]:
            return {"released": self.wait(self.release.wait())}

        @app.route("/raise")
        def broken() -> None:
            raise ValueError("a secret detail")

        @app.route("/nonsense")
        def nonsense() -> Response:
            return Response(body={"ok": True}, status_code="many")  # type: ignore[arg-type]

        @app.route("/teapot", methods=["GET", "HEAD"], cors=CORSConfig(allow_headers=["X-Kind"], max_age=60))
        def teapot() -> Response:
            return Response(body="short", status_code=418, headers={"X-Kind": "teapot"})

        def remembering(kind: str) -> Callable[[Any], Any]:
            def handle(event: Any) -> Any:
                self.events.append(event.to_dict())
                answers = {"connect": self.on_connect, "message": self.on_message}
                return answers.get(kind, lambda _: {"statusCode": 200})(event.to_dict())

            handle.__name__ = f"on_ws_{kind}"
            return handle

        self.on_ws_connect = app.on_ws_connect()(remembering("connect"))
        self.on_ws_message = app.on_ws_message()(remembering("message"))
        self.on_ws_disconnect = app.on_ws_disconnect()(remembering("disconnect"))
        return app


class Served:
    """A gateway that is serving an App."""

    def __init__(self, app: App, gateway: Gateway, port: int) -> None:
        self.app = app
        self.gateway = gateway
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.socket_url = f"ws://127.0.0.1:{port}{SOCKET_PATH}"
        self.stop = asyncio.Event()

    def connection_id(self) -> str:
        """The id of the connection that came last."""
        return str(self.app.of_type("CONNECT")[-1]["requestContext"]["connectionId"])

    def push_from_function(self, connection_id: str, message: Any) -> None:
        """Push as a function does: with a coroutine that it waits for."""
        self.app.wait(self.gateway.send(connection_id, json.dumps(message)))


@contextlib.asynccontextmanager
async def serving(host: str = "127.0.0.1", **settings: Any) -> AsyncIterator[Served]:
    """Serve an App on a free port until the block ends."""
    app = App()
    gateway = Gateway(app, settings=GatewaySettings(**{"allowed_hosts": NAMES, **settings}))
    listening = listen(host, 0)
    served = Served(app, gateway, listening.getsockname()[1])
    started = asyncio.Event()
    task = asyncio.create_task(serve_on(gateway, listening, started=started.set, stop=served.stop))
    try:
        await started.wait()
        yield served
    finally:
        app.release.set()
        served.stop.set()
        await task


async def until(condition: Callable[[], object], timeout_s: float = 10) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not hold in time"
        await asyncio.sleep(0.005)
