"""Why the engine closes a WebSocket, by close code, and whether to connect again."""

from __future__ import annotations

CLOSE_CODES: tuple[tuple[tuple[int, ...], str, str], ...] = (
    (
        (1000,),
        "the engine has lost track of the connection, or its client has closed it; after an error "
        "`UNAUTHENTICATED`, its API key has expired or was revoked (API Gateway's `DeleteConnection` takes "
        "no code)",
        "yes, with `after`, and with another key if that has ended",
    ),
    ((1001,), "idle for ten minutes, or the engine is stopping", "yes, with `after`"),
    ((1006,), "the connection was lost", "yes, with `after`"),
    ((1009,), "a message of more than 128 KB", "yes, but not to send it again"),
    ((1011,), "no pong came for 40 s", "yes, with `after`"),
    ((1013,), "messages were not read fast enough", "yes, with `after`"),
    ((4400,), "the order's id or `after` is malformed", "no"),
    ((4401,), "no valid API key or ticket came with it", "yes, with a new ticket"),
    (
        (4403,),
        "the API key lacks the scope `orders:read`, or it was opened by a page of an origin that is not "
        "[allowed](#pages-in-a-browser)",
        "no",
    ),
    ((4404,), "there is no such order", "no"),
    ((4421,), "the host is no name of the engine's", "no"),
    ((4429,), "too many connections, or connecting too fast", "yes, later"),
    ((4500, 4504), "a fault of the engine", "yes, later"),
    ((4503,), "a server behind the engine is unavailable, or the engine is stopping", "yes, later"),
)
