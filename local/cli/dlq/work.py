"""What the commands do, with the engine's own parts beside a running engine."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click
from chalicelib.domain.order import Order
from chalicelib.ports.queue import DeadLetter
from chalicelib.runtime import Runtime
from chalicelib.services.redrive import Tally

from ...errors import ClientError
from ...operating import operating
from ..life import Wire
from ..progress import progress
from .letters import detail, row


async def rows(state: Path, *, quiet: bool) -> list[Wire]:
    """Every letter with its order."""
    async with operating(state) as engine:
        letters = await _read(engine, quiet=quiet)
        orders = await asyncio.gather(*(_order(engine, letter) for letter in letters))
        return [row(letter, order) for letter, order in zip(letters, orders, strict=True)]


async def details(state: Path, wanted: str, *, quiet: bool) -> list[Wire]:
    """The letters that have the id `wanted`, or whose order has it, each with its order's life."""
    async with operating(state) as engine:
        letters = await _read(engine, quiet=quiet)
        found = [letter for letter in letters if wanted in (letter.message_id.lower(), letter.order_id)]
        if not found:
            raise ClientError(f"No dead letter has the id {wanted!r}, or names an order that has.")
        return [
            detail(
                letter,
                await _order(engine, letter),
                await engine.store.events(letter.order_id) if letter.order_id else [],
            )
            for letter in found
        ]


async def _read(engine: Runtime, *, quiet: bool) -> list[DeadLetter]:
    with progress("reading", await _count(engine), quiet=quiet) as met:
        return await engine.redrive.read(met)


async def _order(engine: Runtime, letter: DeadLetter) -> Order | None:
    return await engine.store.order(letter.order_id) if letter.order_id else None


async def redrive_letters(state: Path, orders: frozenset[str], *, asks: bool, quiet: bool) -> Tally:
    async with operating(state) as engine:
        count = await _count(engine)
        if asks and count and not click.confirm(f"Redrive all {count} dead letters?", err=True):
            raise ClientError("Nothing was done.")
        with progress("redriving", count, quiet=quiet) as met:
            return await engine.redrive.run(orders, lambda tally: met(tally.met))


async def delete_letters(state: Path, messages: tuple[str, ...]) -> list[DeadLetter]:
    async with operating(state) as engine:
        return await engine.redrive.delete({*messages})


async def _count(engine: Runtime) -> int:
    return (await engine.dead_letters.summary()).count
