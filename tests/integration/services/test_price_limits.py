"""An order's own limits are stored with it, and come back to the worker that claims it."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from chalicelib.adapters.postgres.database import Database
from chalicelib.adapters.postgres.store import PostgresStore, StoreSettings
from chalicelib.api.wire.events import event_detail
from chalicelib.domain.errors import IdempotencyConflict
from chalicelib.domain.order import Order
from chalicelib.domain.terms import MAX_BASE_UNITS, Terms
from chalicelib.ports.store import Claim, NewOrder

from tests.samples import SOL, USDC

PLAIN = Terms(SOL, USDC, 1_500_000_000, 50)
LIMITED = replace(PLAIN, max_price_impact_bps=25, floor_out=MAX_BASE_UNITS)


def new(terms: Terms, key: str | None = None) -> NewOrder:
    return NewOrder(str(uuid.uuid4()), terms, key=key)


async def test_the_limits_of_an_order_are_those_it_was_submitted_with(database_url: str) -> None:
    database = Database(database_url)
    settings = StoreSettings(20_000, 60_000, key_ttl_s=60, max_outstanding=1_000_000)
    store = PostgresStore(database, settings, event_detail)
    try:
        for terms in (LIMITED, PLAIN, replace(LIMITED, floor_out=None)):
            order = new(terms)
            await store.create(order)
            claim, found = await store.claim(order.id), await store.order(order.id)
            assert isinstance(claim, Claim) and found is not None
            assert claim.order.terms == found.terms == terms
        key = str(uuid.uuid4())
        await store.create(new(LIMITED, key))
        assert isinstance(await store.create(new(LIMITED, key)), Order)  # the same terms: the first order
        for other in (PLAIN, replace(LIMITED, max_price_impact_bps=26), replace(LIMITED, floor_out=1)):
            with pytest.raises(IdempotencyConflict):
                await store.create(new(other, key))
    finally:
        await database.close()
