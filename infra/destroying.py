"""`destroy`: a stage and all that is in it, gone."""

from __future__ import annotations

import click

from . import options
from .aws import connect
from .destruction import Destruction
from .errors import Refused
from .screen import Screen
from .stage import check_name, stage_names
from .stopping import saying_what_goes_on


@click.command()
@click.argument("stage")
@options.where
@click.option("--yes", is_flag=True, help="Don't ask.")
def destroy(stage: str, endpoint_url: str | None, region: str | None, profile: str | None, yes: bool) -> None:
    """Delete every stack of STAGE, and the bucket of its packages.

    Refuses while the stage is protected, as prod is. What a template says to keep is named at the end: of
    a database, the final snapshot.

    \b
    Example: ./infra/destroy dev --region eu-central-1
    """
    check_name(stage)
    screen = Screen()
    aws = connect(region, profile, endpoint_url)
    screen.say(f"{stage} in {aws.endpoint or aws.region}, {aws.caller()}")
    destruction = Destruction(aws, stage, screen)
    there = destruction.find()
    if not there:
        screen.say(f"There is no stack of {stage} here: nothing to delete. The stages: {stage_names()}.")
        return
    for _, stack in there:
        screen.say(f"  {stack.name}  {stack.status}")
    if not yes and options.ask(f"Type {stage} to delete all of this: ") != stage:
        raise Refused("Nothing was deleted.")
    with saying_what_goes_on(aws, stage, screen):
        remains = destruction.run(there)
    screen.say(f"\n{stage} is gone." + (" What remains, and costs:" if remains else " Nothing remains."))
    for each in remains:
        screen.say(f"  {each}")
