"""`keys`: API keys of the engine on this machine, or of a deployed one.

command → an event of the function `admin` ─┬─ here: the function itself, beside the running engine
                                            └─ --function: invoked in AWS
"""

from __future__ import annotations

from pathlib import Path

import click
from chalicelib.domain.account import Scope
from rich.table import Table

from ..client.commands import options
from ..client.commands.view import Json, Wire, date_and_time, dump, say, screen
from . import administering, machine
from .administering import manage

HELP = """API keys, which an engine takes that was started with `--auth keys`, or is deployed.

\b
    ./local/run keys create alice --name bot         a key of the account `alice`, shown once
    ./local/run keys list                            all keys: whose, for what, when last used
    ./local/run keys rotate ID --overlap 1d          a new key in its place; the old one ends in a day
    ./local/run keys revoke ID                       end a key now

A client sends its key as `Authorization: Bearer KEY` or `x-api-key: KEY`; these commands take it from the
environment, as ENGINE_API_KEY.

It finds the engine that runs on this machine. For one that is deployed, name its function Admin, which
`./infra/deploy` prints: --function NAME.
"""


@click.group(help=HELP)
def keys() -> None:
    """The group."""


@keys.command()
@click.argument("account")
@click.option("--name", default="", help="What you call it.  [default: the account's name]")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice([scope.value for scope in Scope]),
    multiple=True,
    default=(Scope.ORDERS_READ.value, Scope.ORDERS_WRITE.value),
    show_default=True,
    help="What it allows; may be given several times.",
)
@click.option("--expires", "expires_in_ms", type=options.DURATION, help="When it ends: 90d, 12h.")
@administering.function
@machine.state
@options.as_json
def create(
    account: str,
    name: str,
    scopes: tuple[str, ...],
    expires_in_ms: int | None,
    function: str | None,
    state: Path,
    as_json: bool,
) -> None:
    """Make a key of ACCOUNT, which is whose orders it can see and place.

    \b
    Example: ./local/run keys create alice --name bot --expires 90d
    """
    event: Json = {"action": "create", "account": account, "name": name or account, "scopes": [*scopes]}
    if expires_in_ms is not None:
        event["expiresInMs"] = expires_in_ms
    _show_new(manage(event, state, function), as_json=as_json)


@keys.command("list")
@click.option("--account", help="Only this account's.")
@administering.function
@machine.state
@options.as_json
def list_(account: str | None, function: str | None, state: Path, as_json: bool) -> None:
    """List the keys, without what makes them valid.

    \b
    Example: ./local/run keys list --account alice
    """
    event = {"action": "list"} | ({} if account is None else {"account": account})
    found = manage(event, state, function)["keys"]
    if as_json:
        dump(found)
    elif found:
        screen().print(_table(found))
    else:
        say("there are no API keys")


@keys.command()
@click.argument("key_id", metavar="ID")
@administering.function
@machine.state
@options.as_json
def revoke(key_id: str, function: str | None, state: Path, as_json: bool) -> None:
    """End a key now. Its requests are refused from the next one on, its connections closed within seconds.

    \b
    Example: ./local/run keys revoke 3f2a9c5e7b10
    """
    manage({"action": "revoke", "id": _id(key_id)}, state, function)
    if as_json:
        dump({"revoked": _id(key_id)})
    else:
        say(f"revoked {_id(key_id)}")


@keys.command()
@click.argument("key_id", metavar="ID")
@click.option(
    "--overlap",
    "overlap_ms",
    type=options.DURATION,
    default="1h",
    show_default=True,
    help="For how long the old one counts.",
)
@administering.function
@machine.state
@options.as_json
def rotate(key_id: str, overlap_ms: int, function: str | None, state: Path, as_json: bool) -> None:
    """Make a key in the place of another, which ends a while later.

    \b
    Example: ./local/run keys rotate 3f2a9c5e7b10 --overlap 1d
    """
    event = {"action": "rotate", "id": _id(key_id), "overlapMs": overlap_ms}
    _show_new(manage(event, state, function), as_json=as_json)


def _id(text: str) -> str:
    """The id in what is visible of a key, or as it is."""
    return text.split("_")[1] if text.startswith("oek_") else text


def _show_new(made: Wire, *, as_json: bool) -> None:
    if as_json:
        dump(made)
        return
    say(f"{made['key']}")
    say(f"a key of the account {made['account']} for {', '.join(made['scopes'])}; it is not shown again")
    say("use it:  export ENGINE_API_KEY=…   or   curl -H 'Authorization: Bearer …'")


def _table(found: list[Wire]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("key", "account", "name", "scopes", "made", "last used", "ends"):
        table.add_column(column, overflow="fold")
    for key in found:
        ends = key.get("revokedAt") or key.get("expiresAt")
        table.add_row(
            key["prefix"],
            key["account"],
            key["name"],
            " ".join(key["scopes"]),
            date_and_time(key["createdAt"]),
            date_and_time(key["lastUsedAt"]) if "lastUsedAt" in key else "never",
            date_and_time(ends) if ends else "never",
        )
    return table
