"""`doctor`: each thing that the engine needs on this machine, what is wrong with it, and how to mend it.

this machine    Python, packages, settings, state folder, disk
servers         those that are given answer; the programs of the others run
engine          its port, or if it runs: health, schema, orders that wait, clock
"""

from __future__ import annotations

import asyncio
import difflib
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import psycopg
from botocore.exceptions import BotoCoreError
from botocore.exceptions import ClientError as BotoClientError
from chalicelib.config import Config, ConfigError
from chalicelib.migrations import migrations

from .. import ROOT
from ..client import AsyncEngineClient, ClientError, Refused
from ..client.commands import options
from ..client.commands.view import Wire
from ..endpoints import find_running, find_url, local_credentials
from ..errors import ServiceError
from ..gateway import GatewaySettings
from ..landed import call, first_node
from ..servers.attached import TIMEOUT, Attached, AttachedPostgres, AttachedRedis, find_emulator
from ..servers.folder import owner_pid
from ..servers.postgres import Account
from ..servers.queues import connect
from ..servers.valkey import program as valkey_program
from ..settings import DOTENV, check_faults, settings
from ..terminal import masked
from . import machine
from .findings import Finding, Verdict, show

OLDEST_PYTHON = (3, 11)
LEAST_DISK_MB = 500
GREATEST_SKEW_S = 2.0
WAITS_LONG_S = 120  # for an order whose worker is lost the sweep comes within half a minute
REQUIREMENTS = ROOT / "local" / "requirements.txt"
INSTALL_AGAIN = "rm -r .venv, and ./local/run installs them again"
SET = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=", re.MULTILINE)
KNOWN = re.compile(r"^#?([A-Z][A-Z0-9_]*)=", re.MULTILINE)
LEFT_BEHIND = """
SELECT count(*) FROM orders
WHERE status IN ('pending', 'routing', 'building', 'submitted')
  AND updated_at < now() - make_interval(secs => %s)
"""


@click.command()
@machine.state
@options.as_json
def doctor(state: Path, as_json: bool) -> None:
    """Look at each thing that the engine needs, and say what is wrong and how to mend it.

    It changes nothing. Exits 1 if something is wrong.

    \b
    Example: ./local/run doctor
    """
    raise SystemExit(1 if show(findings(state), as_json=as_json) else 0)


def findings(state: Path, environ: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """What is found, in order. Nothing is written or started."""
    yield from this_machine()
    yield from chosen_settings(environ)
    yield from folder(state)
    yield from servers(state, environ)
    yield from engine(state, environ)


def this_machine() -> Iterator[Finding]:
    """Python, and the packages that run the engine."""
    version = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        yield Finding("Python", Verdict.WRONG, f"{version} is too old", "install 3.11 or newer")
    else:
        yield Finding("Python", Verdict.WELL, f"{version}, {platform.system()} on {platform.machine()}")
    wanted = pins(REQUIREMENTS)
    others = sorted(name for name, version in wanted.items() if _installed(name) != version)
    if others:
        said = ", ".join(f"{name} {_installed(name) or 'is missing'}" for name in others)
        yield Finding("packages", Verdict.WRONG, f"not as pinned: {said}", INSTALL_AGAIN)
    else:
        yield Finding("packages", Verdict.WELL, f"{len(wanted)} as pinned")


def chosen_settings(environ: Mapping[str, str], dotenv: Path = DOTENV) -> Iterator[Finding]:
    """The environment and `.env`, as `up` reads them."""
    try:
        config = Config.load(settings(environ))
        GatewaySettings.load(settings(environ))
        check_faults(config)
    except ConfigError as error:
        yield Finding("settings", Verdict.WRONG, str(error), "correct it in .env or in the environment")
    else:
        yield Finding("settings", Verdict.WELL, "can be read")
    if not dotenv.exists():
        return
    known = KNOWN.findall((ROOT / ".env.example").read_text())
    for name in SET.findall(dotenv.read_text()):
        if name not in known:
            near = difflib.get_close_matches(name.upper(), known, 1)
            mend = f"{near[0]} is one" if near else ".env.example has all"
            yield Finding(".env", Verdict.NOTE, f"{name} is no setting of the engine", mend)


def folder(state: Path) -> Iterator[Finding]:
    """Where orders are kept."""
    there = next(place for place in (state, *state.resolve().parents) if place.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        yield Finding(
            "state", Verdict.WRONG, f"{there} cannot be written by you", "another --state, or chown"
        )
        return
    free_mb = shutil.disk_usage(there).free // 2**20
    if free_mb < LEAST_DISK_MB:
        said = f"{free_mb} MB are free at {there}; Postgres stops when there are none"
        yield Finding("state", Verdict.WRONG, said, "free some, or another --state")
    else:
        kept = "" if state.exists() else ", which the first start makes"
        yield Finding("state", Verdict.WELL, f"{state}{kept}; {free_mb:,} MB are free")


def servers(state: Path, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Postgres, Redis and SQS: yours, or those that are started for you."""
    given = {name: environ.get(name, "").strip() for name in ("DATABASE_URL", "REDIS_URL")}
    yield (
        _attached(AttachedPostgres(given["DATABASE_URL"], "DATABASE_URL"))
        if given["DATABASE_URL"]
        else _program("Postgres", lambda: _postgres(state))
    )
    yield (
        _attached(AttachedRedis(given["REDIS_URL"], "REDIS_URL"))
        if given["REDIS_URL"]
        else _program("Valkey", lambda: _version([str(valkey_program()), "--version"]))
    )
    yield _queue(environ)


def engine(state: Path, environ: Mapping[str, str]) -> Iterator[Finding]:
    """The engine that runs on `state`, or whether one could be started."""
    url = find_url(state)
    if url is None:
        yield _port(environ.get("ENGINE_HOST") or "127.0.0.1", environ.get("PORT") or "3000")
        return
    yield Finding("engine", Verdict.WELL, f"serves on {url}, process {owner_pid(state)}")
    try:
        health = asyncio.run(_health(url))
    except ClientError as error:
        yield Finding("health", Verdict.WRONG, str(error), "stop it with Ctrl-C or kill, and start it again")
        return
    yield from parts_of(health)
    endpoints = find_running(state)
    if endpoints is not None and endpoints.chain:
        yield _node(endpoints.chain)
    if endpoints is not None and health["status"] == "ok":
        yield from _database(endpoints.database_url, endpoints.chain.get("WORLD", "simulated"))


def parts_of(health: Wire) -> Iterator[Finding]:
    """What `/health` says."""
    ill = {part: health[part] for part in ("database", "redis", "queue") if health.get(part, "ok") != "ok"}
    if health["status"] == "ok":
        yield Finding("health", Verdict.WELL, "database, redis and queue answer")
    else:
        said = ", ".join(f"{part} is {how}" for part, how in ill.items()) or "degraded"
        yield Finding("health", Verdict.WRONG, said, "its log says why; orders wait, and none is lost")
    letters = health.get("deadLetters")
    if letters and letters["count"]:
        mend = "./local/run dlq list says why, ./local/run dlq redrive tries again"
        yield Finding("dead letters", Verdict.NOTE, f"{letters['count']} orders failed for good", mend)


def _node(chain: Mapping[str, str]) -> Finding:
    """The Solana node that is asked first."""
    url = first_node(chain["SOLANA_RPC_URLS"])
    host = urlsplit(url).netloc.rpartition("@")[2]  # its path may hold a key
    try:
        version = call(url, "getVersion")["solana-core"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        ours = "SOLANA_KEY_FILE" in chain  # a node that was started with the engine
        mend = "start the engine again, and its node with it" if ours else "SOLANA_RPC_URLS names another"
        return Finding("Solana node", Verdict.WRONG, f"{host}: {error}; orders wait, and none is lost", mend)
    return Finding("Solana node", Verdict.WELL, f"{version} at {host}")


def _database(url: str, world: str) -> Iterator[Finding]:
    with psycopg.connect(url, connect_timeout=5, autocommit=True) as connection:
        sent_s = time.time()
        [(now_s,)] = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        applied = {name for (name,) in connection.execute("SELECT name FROM schema_migrations")}
        [(behind,)] = connection.execute(LEFT_BEHIND, [WAITS_LONG_S])
    missing = [path.name for path in migrations(world) if path.name not in applied]
    if missing:
        yield Finding("schema", Verdict.WRONG, f"without {', '.join(missing)}", "start the engine again")
    else:
        yield Finding("schema", Verdict.WELL, f"{len(applied)} migrations are applied")
    if behind:
        said = f"{behind} are where they were {WAITS_LONG_S} s ago"
        yield Finding("orders", Verdict.NOTE, said, "./local/run top shows whether a backlog is worked off")
    if abs(now_s - sent_s) > GREATEST_SKEW_S:
        said = f"the database's is {now_s - sent_s:+.0f} s from ours"
        yield Finding("clock", Verdict.WRONG, said, "synchronise both, as with chrony")


def pins(requirements: Path) -> dict[str, str]:
    """The versions that a list of requirements names, and those that it includes."""
    found: dict[str, str] = {}
    for line in requirements.read_text().splitlines():
        if line.startswith("-r "):
            found |= pins(requirements.parent / line.removeprefix("-r ").strip())
        elif name := re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;]+)", line):
            found[name[1]] = name[2]
    return found


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _attached(server: Attached) -> Finding:
    try:
        server.start()
    except ServiceError as error:
        return Finding(server.name, Verdict.WRONG, str(error))
    return Finding(server.name, Verdict.WELL, f"yours, {server.version} at {server.address}")


def _queue(environ: Mapping[str, str]) -> Finding:
    try:
        emulator = find_emulator(environ)
    except ServiceError as error:
        return Finding("SQS", Verdict.WRONG, str(error), "correct it, or unset it and one is started for you")
    if emulator is None:
        return Finding("SQS", Verdict.WELL, "ours")
    url, variable = emulator
    try:
        connect(url, local_credentials(environ), timeout=TIMEOUT).list_queues(MaxResults=1)
    except (BotoCoreError, BotoClientError) as error:
        mend = f"start it, correct {variable}, or unset it and one is started for you"
        return Finding("SQS", Verdict.WRONG, masked(f"does not answer at {url}: {error}"), mend)
    return Finding("SQS", Verdict.WELL, masked(f"yours, at {url}"))


def _program(name: str, version: Callable[[], str]) -> Finding:
    try:
        return Finding(name, Verdict.WELL, f"ours, {version()}")
    except (ServiceError, OSError, subprocess.SubprocessError) as error:
        return Finding(name, Verdict.WRONG, str(error))


def _postgres(state: Path) -> str:
    account = Account(state / "postgres" / "data")
    return _version([str(account.programs() / "postgres"), "--version"], **account.options())


def _version(command: list[str], **options: Any) -> str:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd="/",
        check=True,
        timeout=10,
        **options,
    )
    return str(re.findall(r"\d+(?:\.\d+)+", done.stdout)[0])


def _port(host: str, port: str) -> Finding:
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, int(port)))
    except (ValueError, OverflowError):
        return Finding("engine", Verdict.WRONG, f"PORT={port!r} is no port", "a number up to 65535")
    except OSError as error:
        said = f"none runs here, and {host}:{port} cannot be listened on: {error.strerror}"
        return Finding("engine", Verdict.WRONG, said, "./local/run up --port 3001, or any other")
    return Finding("engine", Verdict.WELL, f"none runs here; port {port} is free: ./local/run starts one")


async def _health(url: str) -> Wire:
    async with AsyncEngineClient(url, timeout_s=10) as client:
        try:
            return await client.health()
        except Refused as refusal:
            if "status" not in refusal.answer:
                raise
            return refusal.answer
