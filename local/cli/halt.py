"""`halt`: stop all signing within a second, and `halt --off`: go on."""

from __future__ import annotations

from pathlib import Path

import click

from ..client.commands import options
from ..client.commands.view import dump, say
from . import administering, machine


@click.command()
@click.argument("reason", default="halted by an administrator")
@click.option("--off", is_flag=True, help="Go on trading.")
@administering.function
@machine.state
@options.as_json
def halt(reason: str, off: bool, function: str | None, state: Path, as_json: bool) -> None:
    """Stop signing transactions, for REASON; a world of real money has this switch, the simulation has none.

    From a second later on nothing is signed. Orders fail with the code HALTED and the reason; what was sent
    before still lands, and is confirmed. `halt --off` goes on.

    \b
    Example: ./local/run halt "prices look wrong"
    """
    event = {"action": "resume"} if off else {"action": "halt", "reason": reason}
    found = administering.manage(event, state, function)
    if as_json:
        dump(found)
    elif found["halted"]:
        say(f"trading is halted: {found['reason']}")
    else:
        say("trading goes on")
