"""The functions that are deployed, each one line into `chalicelib/api/`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, cast

from chalice.app import (
    Chalice,
    CloudWatchEvent,
    CORSConfig,
    Rate,
    Request,
    Response,
    SQSEvent,
    WebsocketEvent,
)
from chalicelib import api
from chalicelib.api.wire.schemas import SUBMIT_PATH

app = Chalice(app_name="order-engine")
app.experimental_feature_flags.update(["WEBSOCKETS"])

JSON_OR_REFUSED = ["*/*"]  # the function itself answers 415, in the shape of every other error
READ = ["GET", "HEAD"]
PAGES = CORSConfig(
    allow_headers=api.cors.ALLOW_HEADERS, expose_headers=api.cors.EXPOSE_HEADERS, max_age=api.cors.MAX_AGE_S
)


def _request() -> Request:
    request = app.current_request
    assert request is not None  # Chalice sets it before it calls a view
    return request


@app.middleware("http")
def finish(request: Request, answer: Callable[[Request], Response]) -> Response:
    return api.responses.finish(request, answer)


@app.route("/", methods=READ, content_types=JSON_OR_REFUSED, cors=PAGES)
def index() -> Response:
    return api.page.index(_request())


@app.route("/page/{name}", methods=READ, content_types=JSON_OR_REFUSED, cors=PAGES)
def page_file(name: str) -> Response:
    return api.page.file(_request(), name)


@app.route("/page/vendor/{name}", methods=READ, content_types=JSON_OR_REFUSED, cors=PAGES)
def vendored_file(name: str) -> Response:
    return api.page.file(_request(), f"vendor/{name}")


@app.route("/openapi.json", methods=READ, content_types=JSON_OR_REFUSED, cors=PAGES)
def openapi() -> Response:
    return api.http.openapi(_request())


@app.route("/asyncapi.json", methods=READ, content_types=JSON_OR_REFUSED, cors=PAGES)
def asyncapi() -> Response:
    return api.http.asyncapi(_request())


@app.route("/docs", methods=READ, content_types=JSON_OR_REFUSED, cors=PAGES)
def docs() -> Response:
    return api.page.docs(_request())


@app.route("/health", methods=READ, content_types=JSON_OR_REFUSED, cors=PAGES)
def health() -> Response:
    return api.http.health(_request())


@app.route("/api/quote", methods=READ, content_types=JSON_OR_REFUSED, cors=PAGES)
def quote() -> Response:
    return api.http.quote(_request())


@app.route("/api/orders", methods=READ, content_types=JSON_OR_REFUSED, cors=PAGES)
def list_orders() -> Response:
    return api.http.list_orders(_request())


@app.route("/api/orders/{order_id}", methods=READ, content_types=JSON_OR_REFUSED, cors=PAGES)
def show_order(order_id: str) -> Response:
    return api.http.show_order(_request(), order_id)


@app.route("/api/orders", methods=["DELETE"], content_types=JSON_OR_REFUSED, cors=PAGES)
def cancel_orders() -> Response:
    return api.http.cancel_orders(_request())


@app.route("/api/orders/{order_id}", methods=["DELETE"], content_types=JSON_OR_REFUSED, cors=PAGES)
def cancel_order(order_id: str) -> Response:
    return api.http.cancel_order(_request(), order_id)


@app.route("/api/orders/batch", methods=["POST"], content_types=JSON_OR_REFUSED, cors=PAGES)
def execute_batch() -> Response:
    return api.http.execute_batch(_request())


@app.route("/api/tokens", methods=READ, content_types=JSON_OR_REFUSED, cors=PAGES)
def list_tokens() -> Response:
    return api.http.list_tokens(_request())


@app.route("/api/prices", methods=READ, content_types=JSON_OR_REFUSED, cors=PAGES)
def list_prices() -> Response:
    return api.operations.prices(_request())


@app.route("/api/engine", methods=READ, content_types=JSON_OR_REFUSED, cors=PAGES)
def show_engine() -> Response:
    return api.operations.engine(_request())


@app.route("/api/dead-letters", methods=READ, content_types=JSON_OR_REFUSED, cors=PAGES)
def list_dead_letters() -> Response:
    return api.operations.dead_letters(_request())


@app.route("/api/dead-letters/redrive", methods=["POST"], content_types=JSON_OR_REFUSED, cors=PAGES)
def redrive_dead_letters() -> Response:
    return api.operations.redrive(_request())


@app.route("/api/tickets", methods=["POST"], content_types=JSON_OR_REFUSED, cors=PAGES)
def issue_ticket() -> Response:
    return api.http.issue_ticket(_request())


@app.route(SUBMIT_PATH, methods=["POST"], content_types=JSON_OR_REFUSED, cors=PAGES)
def execute_order() -> Response:
    return api.http.execute_order(_request())


@app.route(SUBMIT_PATH, methods=READ, content_types=JSON_OR_REFUSED, cors=PAGES)
def socket_only() -> Response:
    return api.http.socket_only(_request())


@app.on_sqs_message(queue="orders", batch_size=1, maximum_concurrency=10)  # on AWS: OrdersInFlight
def process_order(event: SQSEvent) -> dict[str, object]:
    return api.queue.process_orders(event)


@app.on_ws_connect()
def on_ws_connect(event: WebsocketEvent) -> dict[str, Any]:
    return api.sockets.connect(event)


@app.on_ws_message()
def on_ws_message(event: WebsocketEvent) -> dict[str, Any]:
    return api.sockets.message(event)


@app.on_ws_disconnect()
def on_ws_disconnect(event: WebsocketEvent) -> dict[str, Any]:
    return api.sockets.disconnect(event)


@app.lambda_function()
def relay(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return api.schedules.relay(event, context.get_remaining_time_in_millis() / 1000)


@app.lambda_function()
def migrate(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return api.migrate.migrate()


@app.lambda_function()
def admin(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return api.admin.manage(event)


@app.schedule(Rate(1, unit=Rate.MINUTES))
def keep_relays(event: CloudWatchEvent) -> None:
    api.schedules.keep_relays()


@app.schedule(Rate(1, unit=Rate.MINUTES))
def fire_orders(event: CloudWatchEvent) -> None:
    api.schedules.fire_orders(event.detail, cast(Any, event.context).get_remaining_time_in_millis() / 1000)


@app.schedule(Rate(1, unit=Rate.MINUTES))
def sweep(event: CloudWatchEvent) -> None:
    api.schedules.sweep()


api.prepare(os.environ)
