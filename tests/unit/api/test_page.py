"""The page for people: who gets it, its files and no others, and what browsers learn about them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import app as functions
import pytest
from chalicelib.api import page

from tests.fakes import MemoryEngine

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
FILES = sorted(path for path in page.FOLDER.rglob("*") if path.suffix in page.TYPES)
NAMES = [
    path.relative_to(page.FOLDER).as_posix() for path in FILES if path.name not in (page.INDEX, page.DOCS)
]


@pytest.fixture(autouse=True)
def engine() -> Iterator[MemoryEngine]:
    with MemoryEngine() as engine:
        yield engine


def get(
    path: str, headers: Mapping[str, str] | None = None, *, method: str = "GET", host: str = "here.example"
) -> dict[str, Any]:
    """What the functions answer to a request for a path below the stage, or the stage itself."""
    below = path.removeprefix("/v1")
    folder = next((each for each in ("/page/vendor/", "/page/") if below.startswith(each)), "")
    route, name = (f"{folder}{{name}}" if folder else "/"), below.removeprefix(folder)
    event = {
        "resource": route,
        "path": below,
        "httpMethod": method,
        "headers": {"X-Forwarded-Proto": "https", **(headers or {})},
        "multiValueHeaders": {},
        "multiValueQueryStringParameters": None,
        "pathParameters": {"name": name},
        "stageVariables": None,
        "requestContext": {
            "httpMethod": method,
            "resourcePath": route,
            "path": path,
            "domainName": host,
            "identity": {"sourceIp": "127.0.0.1"},
        },
        "body": None,
        "isBase64Encoded": False,
    }
    answer: dict[str, Any] = functions.app(event, None)
    return answer


# --- Who gets it ---


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        (BROWSER, True),
        ("text/html", True),
        ("TEXT/HTML, application/json;q=0.9", True),
        ("application/json;q=0.5, text/html", True),
        ("text/html, application/json", True),
        ("application/json, text/html", False),
        ("text/html;q=0.5, application/json", False),
        ("text/html;q=0", False),
        ("text/html;q=much", False),
        ("*/*", False),  # curl, and most libraries
        ("text/*", False),
        ("application/json", False),
        ("", False),
    ],
)
def test_who_prefers_html_gets_the_page_and_others_json(accept: str, html: bool) -> None:
    answer = get("/v1/", {"Accept": accept})
    assert answer["statusCode"] == 200
    assert answer["headers"].get("Content-Type", "JSON").startswith("text/html" if html else "JSON")
    assert answer["headers"]["Vary"] == "Accept, Origin"
    if not html:
        assert json.loads(answer["body"])["name"] == "order-engine"


def test_no_key_is_needed_and_no_limit_counted() -> None:
    with MemoryEngine(engine_auth="keys", key_pepper="p" * 32):
        for path in ("/v1/", "/v1/page/page.js"):
            answer = get(path, {"Accept": BROWSER})
            assert answer["statusCode"] == 200
            assert "RateLimit-Limit" not in answer["headers"]


# --- Addresses ---


@pytest.mark.parametrize(
    ("path", "link"),
    [("/", "page/"), ("/v1/", "page/"), ("/v1", "v1/page/"), ("/a/my app", "my%20app/page/")],
)
def test_its_links_lead_below_where_it_was_asked_for(path: str, link: str) -> None:
    links = re.findall(r'(?:src|href)="([^"#]*page/)', get(path, {"Accept": BROWSER})["body"])
    assert len(links) == 3
    assert set(links) == {link}


def test_no_file_names_an_absolute_path() -> None:
    """A stage or a proxy puts its own before it."""
    for path in FILES:
        if "vendor" not in path.parts:
            assert not re.search(r"""(from|import\(|src=|href=|url\() ?["']/""", path.read_text()), path


def test_every_import_is_of_a_file_that_is_served() -> None:
    for path in FILES:
        for name in re.findall(r"""(?:from |import\(|@import url\()"([^"]+)\"""", path.read_text()):
            found = (path.parent / name).resolve().relative_to(page.FOLDER.resolve()).as_posix()
            assert found in NAMES, (path, name)


# --- Files ---


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_served_as_it_is(name: str) -> None:
    answer = get(f"/v1/page/{name}")
    assert answer["statusCode"] == 200
    assert answer["body"] == (page.FOLDER / name).read_text()
    assert answer["headers"]["Content-Type"] == page.TYPES[Path(name).suffix]
    assert answer["headers"]["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "name",
    [
        "index.html",  # which is at `/`
        "nothing.js",
        "../config.py",
        "..%2fconfig.py",
        "/etc/passwd",
        "vendor",
        "vendor/LICENSE",
        "vendor/uPlot.esm.d.ts",
        "vendor/../page.js",
        "vendor/../../config.py",
        "page.js\0",
        "",
    ],
)
def test_nothing_else_is(name: str) -> None:
    answer = get(f"/v1/page/{name}")
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (404, "NOT_FOUND")
    assert answer["headers"]["Cache-Control"] == "no-store"


def test_nothing_is_read_before_it_is_asked_for() -> None:
    page._read.cache_clear()
    get("/v1/page/page.css")
    assert page._read.cache_info().currsize == 1


# --- Headers ---


@pytest.mark.parametrize("path", ["/v1/", "/v1/page/page.js", "/v1/page/vendor/uPlot.css"])
def test_a_browser_that_has_it_already_gets_no_body(path: str) -> None:
    first = get(path, {"Accept": BROWSER})
    assert first["headers"]["Cache-Control"] == "no-cache"  # it may be kept, and is asked for each time
    tag = first["headers"]["ETag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = get(path, {"Accept": BROWSER, "If-None-Match": known})
        assert (again["statusCode"], again["body"]) == (304, "")
        assert again["headers"]["ETag"] == tag
        assert again["headers"]["Cache-Control"] == "no-cache"
    assert get(path, {"Accept": BROWSER, "If-None-Match": '"other"'})["statusCode"] == 200


def test_head_is_answered_as_get_is() -> None:
    for path in ("/v1/", "/v1/page/page.js"):
        answers = [get(path, {"Accept": BROWSER}, method=method) for method in ("GET", "HEAD")]
        assert answers[0]["headers"] == answers[1]["headers"]


def policy(**more: Any) -> dict[str, str]:
    header = get("/v1/", {"Accept": BROWSER}, **more)["headers"]["Content-Security-Policy"]
    return dict(rule.split(" ", 1) for rule in header.split("; "))


def test_the_page_may_load_and_ask_nothing_but_the_engine() -> None:
    assert policy() == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self' wss://here.example",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }


def test_its_websockets_may_have_another_host() -> None:
    with MemoryEngine(websocket_url="wss://sockets.example/v1"):
        assert policy()["connect-src"] == "'self' wss://sockets.example"


def test_what_is_no_host_does_not_get_into_the_policy() -> None:
    assert policy(host="evil; script-src *")["connect-src"] == "'self'"


def test_nothing_in_it_is_inline() -> None:
    html = (page.FOLDER / page.INDEX).read_text()
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", html)


# --- What is not ours ---


def test_vendored_files_are_those_of_their_publisher() -> None:
    """Their hashes are those of the npm package uplot 1.6.32: `dist/uPlot.esm.js`, `dist/uPlot.min.css`."""
    folder = page.FOLDER / "vendor"
    lines = (folder / "sha256.txt").read_text().splitlines()
    listed = {name: hash for hash, name in (line.split() for line in lines)}
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    assert {name: hash for name, hash in found.items() if name in listed} == listed
    assert set(found) - set(listed) == {"sha256.txt", "uPlot.esm.d.ts"}
    assert "MIT License" in (folder / "LICENSE").read_text()
