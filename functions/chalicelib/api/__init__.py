"""AWS event in, response out: one module for each kind of event, imported when a function first uses it.

Lambda says in `_HANDLER` which function a process is for. While the process starts, `prepare` imports and
builds all that this function uses, and nothing else: the start has a full CPU, and no client waits for it as
for a call. On one machine there is no `_HANDLER`, and each part is built by the first call that needs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .. import logs, runtime

if TYPE_CHECKING:
    from . import admin, cors, http, migrate, operations, page, queue, responses, schedules, sockets

__all__ = [
    "admin",
    "cors",
    "http",
    "migrate",
    "operations",
    "page",
    "prepare",
    "queue",
    "responses",
    "schedules",
    "sockets",
]

FUNCTIONS = {  # what Lambda calls → its module here, and the runtime's parts that it uses
    "app.app": (
        "http",
        (
            "authentication",
            "tickets",
            "limits",
            "submission",
            "orders",
            "cancellation",
            "quoting",
            "health",
        ),
    ),
    "app.process_order": ("queue", ("execution", "queue")),
    "app.on_ws_connect": ("sockets", ("subscriptions", "tickets", "limits")),
    "app.on_ws_message": ("sockets", ("subscriptions",)),
    "app.on_ws_disconnect": ("sockets", ("registry",)),
    "app.relay": ("schedules", ("relay_runner",)),
    "app.keep_relays": ("schedules", ("relay_supervisor",)),
    "app.fire_orders": ("schedules", ("trigger_runs",)),
    "app.sweep": ("schedules", ("sweep", "audit")),
    "app.migrate": ("migrate", ("migrate",)),
    "app.admin": ("admin", ("key_management", "kept_key")),
}


def prepare(environ: Mapping[str, str]) -> None:
    """Import and build what this process's function uses, and log a line for each call; only on Lambda.

    Raises ConfigError on Lambda where the engine is open.
    """
    if "AWS_LAMBDA_FUNCTION_NAME" in environ:
        logs.configure()
        runtime.require_keys(environ)
        runtime.trace(environ)
    handler = environ.get("_HANDLER")
    if handler not in FUNCTIONS:
        return
    module, parts = FUNCTIONS[handler]
    import_module(f".{module}", __name__)
    engine = runtime.current()
    for part in parts:
        getattr(engine, part)
    runtime.freeze_start()


def __getattr__(name: str) -> Any:
    """A module of the API, imported when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"{__name__} has no {name}")
    return import_module(f".{name}", __name__)
