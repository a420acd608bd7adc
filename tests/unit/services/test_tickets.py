"""Tickets: they count once, for a short time, and for what they were issued for."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from chalicelib.domain.account import Access, Account, Caller, Scope
from chalicelib.domain.errors import TemporarilyUnavailable, Unauthenticated
from chalicelib.services import tickets as tickets_module
from chalicelib.services.keyed_hash import KeyedHash
from chalicelib.services.tickets import Tickets
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import MemoryRegistry, Redis

ALICE = Caller(Account("alice"), frozenset(Scope), "0123456789ab")
ORDER = "11111111-1111-4111-8111-111111111111"
NOW_MS = 1_800_000_000_000


class World:
    """Tickets of a minute, at a time that a test moves."""

    def __init__(self) -> None:
        self.redis = Redis()
        self.peppers = [b"pepper"]
        self.tickets = Tickets(KeyedHash(self._peppers, "tickets"), MemoryRegistry(self.redis), ttl_ms=60_000)

    async def _peppers(self) -> Sequence[bytes]:
        return self.peppers

    async def issue(self, order_id: str | None = None, caller: Caller = ALICE) -> str:
        [ticket] = await self.tickets.issue(caller, [order_id])
        return ticket

    async def is_refused(self, text: str) -> bool:
        try:
            await self.tickets.redeem(text, "connection")
        except Unauthenticated as error:
            assert error.code == "INVALID_TICKET"
            return True
        return False


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(tickets_module, "_now_ms", lambda: NOW_MS)
    return World()


async def test_a_ticket_for_all_allows_what_its_key_does(world: World) -> None:
    for scopes in (frozenset(Scope), frozenset({Scope.ORDERS_READ}), frozenset({Scope.ORDERS_WRITE})):
        caller = Caller(Account("alice"), scopes, "0123456789ab")
        assert await world.tickets.redeem(await world.issue(None, caller), "one") == Access(caller)


async def test_a_ticket_for_an_order_allows_to_read_that_order_alone(world: World) -> None:
    access = await world.tickets.redeem(await world.issue(ORDER), "one")
    assert access.order_id == ORDER
    assert access.caller == Caller(ALICE.account, frozenset({Scope.ORDERS_READ}), ALICE.key_id)


async def test_a_ticket_counts_once(world: World) -> None:
    ticket = await world.issue()
    await world.tickets.redeem(ticket, "one")
    await world.tickets.redeem(ticket, "one")  # its reply was lost
    with pytest.raises(Unauthenticated):
        await world.tickets.redeem(ticket, "another")


async def test_a_ticket_counts_for_its_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = await world.issue(), await world.issue()
    monkeypatch.setattr(tickets_module, "_now_ms", lambda: NOW_MS + 59_999)
    assert not await world.is_refused(first)
    monkeypatch.setattr(tickets_module, "_now_ms", lambda: NOW_MS + 60_000)
    assert await world.is_refused(second)


async def test_what_another_pepper_or_purpose_has_signed_is_refused(world: World) -> None:
    ticket = await world.issue()
    world.peppers = [b"newer", b"pepper"]
    assert not await world.is_refused(ticket)
    forged = Tickets(KeyedHash(world._peppers, "API keys"), MemoryRegistry(Redis()), ttl_ms=60_000)
    assert await world.is_refused((await forged.issue(ALICE, [None]))[0])
    ticket = await world.issue()
    world.peppers = [b"another"]
    assert await world.is_refused(ticket)


async def test_no_ticket_with_a_changed_character_is_taken(world: World) -> None:
    ticket = await world.issue(ORDER)
    for place in range(len(ticket) - 1):  # of the last character two bits count for nothing
        changed = "A" if ticket[place] != "A" else "B"
        assert await world.is_refused(ticket[:place] + changed + ticket[place + 1 :]), place
    assert world.redis.nonces == {}


@given(text=st.text(max_size=500))
async def test_any_text_is_refused(text: str) -> None:
    assert await World().is_refused(text)


async def test_no_ticket_is_taken_while_the_registry_is_away(world: World) -> None:
    ticket = await world.issue()
    world.redis.unavailable = True
    with pytest.raises(TemporarilyUnavailable):
        await world.tickets.redeem(ticket, "one")
