"""The functions that are deployed, each one line into its entrypoint."""

from __future__ import annotations

from typing import Any

from chalice.app import Chalice, CloudWatchEvent, Rate, Request, Response, SQSEvent, WebsocketEvent
from chalicelib.entrypoints import notify, process, submit
from chalicelib.entrypoints import sweep as sweeping

app = Chalice(app_name="order-engine")
app.experimental_feature_flags.update(["WEBSOCKETS"])

JSON_OR_REFUSED = ["*/*"]  # the function itself answers 415, in the shape of every other error


def _request() -> Request:
    request = app.current_request
    assert request is not None  # Chalice sets it before it calls a view
    return request


@app.route("/", methods=["GET"], content_types=JSON_OR_REFUSED)
def index() -> Response:
    return submit.index()


@app.route("/openapi.json", methods=["GET"], content_types=JSON_OR_REFUSED)
def openapi() -> Response:
    return submit.openapi()


@app.route("/health", methods=["GET"], content_types=JSON_OR_REFUSED)
def health() -> Response:
    return submit.health()


@app.route("/api/quote", methods=["GET"], content_types=JSON_OR_REFUSED)
def quote() -> Response:
    return submit.quote(_request())


@app.route("/api/orders", methods=["GET"], content_types=JSON_OR_REFUSED)
def list_orders() -> Response:
    return submit.list_orders(_request())


@app.route("/api/orders/{order_id}", methods=["GET"], content_types=JSON_OR_REFUSED)
def show_order(order_id: str) -> Response:
    return submit.show_order(order_id)


@app.route("/api/orders/execute", methods=["POST"], content_types=JSON_OR_REFUSED)
def execute_order() -> Response:
    return submit.execute_order(_request())


@app.on_sqs_message(queue="orders", batch_size=1, maximum_concurrency=10)
def process_order(event: SQSEvent) -> dict[str, object]:
    return process.process_orders(event)


@app.on_ws_connect()
def on_ws_connect(event: WebsocketEvent) -> dict[str, Any]:
    return notify.connect(event)


@app.on_ws_message()
def on_ws_message(event: WebsocketEvent) -> dict[str, Any]:
    return notify.message(event)


@app.on_ws_disconnect()
def on_ws_disconnect(event: WebsocketEvent) -> dict[str, Any]:
    return notify.disconnect(event)


@app.lambda_function()
def relay(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return notify.relay(event, context.get_remaining_time_in_millis() / 1000)


@app.schedule(Rate(1, unit=Rate.MINUTES))
def keep_relays(event: CloudWatchEvent) -> None:
    notify.keep_relays()


@app.schedule(Rate(1, unit=Rate.MINUTES))
def sweep(event: CloudWatchEvent) -> None:
    sweeping.sweep()
