"""The engine in a shell whose variables speak of other accounts, servers, languages and Pythons."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import ROOT
from local.services import Services
from tests.integration.local.cli.test_cli import Up, environment
from tests.integration.local.test_setup import EVERYTHING, stamp

NOWHERE = "/nonexistent"
REFUSES = "http://127.0.0.1:9"

AWS = {
    "AWS_PROFILE": "nope",
    "AWS_DEFAULT_PROFILE": "nope",
    "AWS_CONFIG_FILE": NOWHERE,
    "AWS_SHARED_CREDENTIALS_FILE": NOWHERE,
    "AWS_CA_BUNDLE": NOWHERE,
    "AWS_REGION": "eu-central-1",
    "AWS_SESSION_TOKEN": "expired",
    "AWS_ENDPOINT_URL_SQS": REFUSES,
    "AWS_MAX_ATTEMPTS": "many",
    "AWS_RETRY_MODE": "nope",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "AWS_ROLE_ARN": "arn:aws:iam::1:role/nope",
    "AWS_WEB_IDENTITY_TOKEN_FILE": NOWHERE,
    "DATABASE_SECRET": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:nope",
    "REDIS_SECRET": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:nope",
    "ORDERS_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/nope",
    "ORDERS_DLQ_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/nope-dlq",
}
POSTGRES = {
    "PGSSLMODE": "verify-full",
    "PGSSLROOTCERT": NOWHERE,
    "PGSERVICE": "nope",
    "PGSERVICEFILE": NOWHERE,
    "PGOPTIONS": "-c search_path=nowhere -c default_transaction_read_only=on",
    "PGDATESTYLE": "German",
    "PGTZ": "Pacific/Apia",
    "PGCLIENTENCODING": "LATIN1",
    "PGTARGETSESSIONATTRS": "standby",
    "PGHOSTADDR": "192.0.2.1",
    "PGPASSWORD": "nope",
    "PGPASSFILE": NOWHERE,
    "PGCHANNELBINDING": "require",
    "PGREQUIREAUTH": "md5",
    "PGCONNECT_TIMEOUT": "never",
    "PGDATA": NOWHERE,
}
NETWORK = {
    **dict.fromkeys(
        ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"), REFUSES
    ),
    "NO_PROXY": "example.com",
    "SSL_CERT_FILE": NOWHERE,
    "SSL_CERT_DIR": NOWHERE,
    "REQUESTS_CA_BUNDLE": NOWHERE,
    "REDIS_HOST": "192.0.2.1",
    "REDIS_PASSWORD": "nope",
    "REDISCLI_AUTH": "nope",
}
MACHINE = {
    "LC_ALL": "xx_XX.ISO-8859-1",
    "LANG": "xx_XX",
    "TZ": "Pacific/Apia",
    "TMPDIR": NOWHERE,
    "HOME": NOWHERE,
    "COLUMNS": "twenty",
    "TERM": "nope",
    "NO_COLOR": "1",
    "MALLOC_ARENA_MAX": "1",
}
PYTHON = {
    "PYTHONOPTIMIZE": "2",
    "PYTHONWARNINGS": "error",
    "PYTHONHASHSEED": "7",
    "PYTHONDONTWRITEBYTECODE": "1",
}
GROUPS = {"servers and machine": AWS | POSTGRES | NETWORK | MACHINE, "python": PYTHON}


def local(*arguments: str, umask: Any = -1, **given: str) -> subprocess.CompletedProcess[str]:
    """Run a command, its start included."""
    return subprocess.run(
        [sys.executable, "-m", "local", *arguments],
        env=environment(**given),
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
        umask=umask,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize(("group", "umask"), [("servers and machine", 0o077), ("python", 0o022)])
def test_the_embedded_engine_runs_whatever_the_shell_says_of_others(group: str, umask: int) -> None:
    """Whatever its umask, too: 077 shuts everybody else out."""
    done = local("demo", "--latency", "0", umask=umask, **GROUPS[group])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 of 6 orders confirmed" in done.stdout
    assert done.stderr == ""


@pytest.fixture
def separate(tmp_path: Path) -> Iterator[Up]:
    up = Up(tmp_path / "state", "--separate", "--latency=0", **AWS, **POSTGRES, **NETWORK)
    try:
        yield up
    finally:
        up.ends(signal.SIGTERM)
        up.leaves_nothing()


def test_so_do_its_separate_processes_and_the_commands_beside_it(separate: Up) -> None:
    state = ("--state", str(separate.state))
    shell = AWS | POSTGRES | NETWORK
    for name in ("ORDERS_QUEUE_URL", "ORDERS_DLQ_URL"):  # which for dlq name the engine to work on
        del shell[name]
    done = local("submit", "SOL", "USDC", "1", "--watch", *state, **shell)
    assert done.returncode == 0, done.stderr + separate.said
    done = local("orders", *state, **shell)
    assert "confirmed" in done.stdout, done.stderr
    done = local("dlq", "list", *state, **shell)
    assert done.returncode == 0, done.stderr
    assert "is empty" in done.stdout


@pytest.mark.parametrize(
    ("name", "value"), [("PGSSLMODE", "require"), ("PGSERVICE", "nope"), ("AWS_PROFILE", "nope")]
)
def test_for_servers_of_the_users_the_variables_hold_and_an_error_names_them(
    tmp_path: Path, name: str, value: str
) -> None:
    with Services(None, environ={}, durable=False) as services:
        endpoints = services.endpoints
        # As a user writes it: the URL of a server that was started here overrides these variables.
        database_url = endpoints.database_url.partition("?")[0]
        attached = {"DATABASE_URL": database_url, "AWS_ENDPOINT_URL": endpoints.aws_endpoint_url}
        state = str(tmp_path / "state")
        done = local("up", "--port", "0", "--state", state, **attached, **{name: value})
    assert done.returncode == 1, done.stdout
    [error] = done.stderr.splitlines()
    assert error.startswith("error: ")
    assert name in error


OTHER_PYTHON = {
    "PYTHONHOME": NOWHERE,
    "PYTHONINSPECT": "1",
    "PYTHONSTARTUP": NOWHERE,
    "LC_ALL": "C",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",
    "PYTHONIOENCODING": "ascii",
}


@pytest.mark.parametrize(
    ("command", "shown"), [("submit --help", "Submit an order"), ("demo --latency 0", "6 of 6 orders")]
)
def test_the_start_script_leaves_the_settings_of_another_python_behind(
    tmp_path: Path, command: str, shown: str
) -> None:
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (tmp_path / ".installed").write_text(stamp(*EVERYTHING) + "\n")
    done = subprocess.run(
        [str(ROOT / "local" / "run"), *command.split()],
        env={**environment(), "VENV": str(tmp_path), **PYTHON, **OTHER_PYTHON},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    assert shown in done.stdout
