"""The page for people: `GET /` in a browser, and its files, which are those of the folder `chalicelib/page`.

The files hold nothing private, so they are there without a key and count for no limit. Each is read when it
is first asked for. Browsers keep them and ask each time whether they have changed, so that the modules of two
versions never meet.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from chalice.app import Request, Response

from ..domain.errors import EngineError
from . import http
from .addresses import websocket_url
from .responses import refuse

FOLDER = Path(__file__).parents[1] / "page"
INDEX, DOCS = "index.html", "docs.html"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
RELATIVE = re.compile(r'(href|src)="(page/|docs|openapi)')
"""The addresses in the page that are relative to it."""
HTML, JSON = "text/html", "application/json"
ORIGIN = re.compile(r"wss?://[\w.\[\]:-]+")
"""Of what a client says in `Host`, no more than this gets into a header."""


class File(NamedTuple):
    """A file as it is sent."""

    text: str
    media_type: str
    etag: str


def index(request: Request) -> Response:
    """`GET /`: the page for who prefers HTML, else what the engine is, as JSON."""
    if prefers_html(request.headers.get("accept", "")):
        path = request.context.get("path", "/")
        response = _send(request, _file(INDEX, below=_last_segment(path)))
    else:
        response = http.index()
    response.headers["Vary"] = "Accept"
    return response


def docs(request: Request) -> Response:
    """`GET /docs`: the documentation of the API, made in the browser of the two documents."""
    return _send(request, _file(DOCS))


def file(request: Request, name: str) -> Response:
    """`GET /page/{name}`"""
    if name not in _names():
        return refuse(EngineError("There is nothing at this path.", code="NOT_FOUND"))
    return _send(request, _file(name))


def prefers_html(accept: str) -> bool:
    """Whether HTML is named in the header `Accept`, and JSON is not preferred to it."""
    weights: dict[str, float] = {}
    for part in accept.lower().split(","):
        media_type, *parameters = (piece.strip() for piece in part.split(";"))
        weights.setdefault(media_type, _weight(parameters))
    html, json = weights.get(HTML, 0.0), weights.get(JSON, 0.0)
    return html > json or (html == json > 0 and list(weights).index(HTML) < list(weights).index(JSON))


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def _last_segment(path: str) -> str:
    """What relative addresses need in front of them where the path, like `/v1`, has no slash at its end."""
    last = path.rpartition("/")[2]
    return f"{quote(last)}/" if last else ""


@cache
def _names() -> frozenset[str]:
    """Every file that may be asked for, by its path below the folder."""
    files = (path for path in FOLDER.rglob("*") if path.suffix in TYPES and path.name not in (INDEX, DOCS))
    return frozenset(path.relative_to(FOLDER).as_posix() for path in files)


@cache
def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _file(name: str, *, below: str = "") -> File:
    text = RELATIVE.sub(rf'\1="{below}\2', _read(name)) if below else _read(name)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return File(text, TYPES[Path(name).suffix], f'"{digest[:32]}"')


def _send(request: Request, found: File) -> Response:
    headers: dict[str, str | list[str]] = {
        "Cache-Control": "no-cache",
        "Content-Type": found.media_type,
        "Content-Security-Policy": _policy(request),
        "ETag": found.etag,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if known & {found.etag, "*"}:
        return Response("", headers, 304)
    return Response(found.text, headers)


def _policy(request: Request) -> str:
    """The page loads and asks nothing but the engine, whose WebSockets may have another host."""
    url = urlsplit(websocket_url(request.to_original_event()))
    sockets = f"{url.scheme}://{url.netloc}"
    rules = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": f"'self' {sockets}" if ORIGIN.fullmatch(sockets) else "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())
