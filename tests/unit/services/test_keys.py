"""API keys: made, used, rotated and revoked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from chalicelib.domain.account import Access, Account, Caller, Scope
from chalicelib.domain.errors import (
    Forbidden,
    InvalidRequest,
    NotFound,
    TemporarilyUnavailable,
    Unauthenticated,
)
from chalicelib.domain.keys import key_id
from chalicelib.services.authentication import Authentication
from chalicelib.services.keyed_hash import KeyedHash
from chalicelib.services.keys import KeyManagement, NewKey

from tests.fakes import MemoryKeys

READ = ["orders:read"]


class World:
    """A store of keys, who manages them, and who asks whose they are."""

    def __init__(self) -> None:
        self.keys = MemoryKeys()
        self.peppers = [b"pepper"]
        hash = KeyedHash(self._peppers, "API keys")
        self.management, self.authentication = KeyManagement(self.keys, hash), Authentication(self.keys, hash)

    async def _peppers(self) -> Sequence[bytes]:
        return self.peppers

    async def new(self, account: str = "alice", expires_at: datetime | None = None) -> NewKey:
        return await self.management.create(account, "a bot", READ, expires_at)

    async def is_refused(self, text: str | None) -> bool:
        try:
            await self.authentication.caller(text)
        except Unauthenticated:
            return True
        return False


@pytest.fixture
def world() -> World:
    return World()


async def test_a_key_names_its_account_and_scopes(world: World) -> None:
    made = await world.new()
    caller = await world.authentication.caller(made.text)
    assert caller == Caller(Account("alice"), frozenset({Scope.ORDERS_READ}), made.key.id)
    caller.require(Scope.ORDERS_READ)
    for scope in (Scope.ORDERS_WRITE, Scope.ADMIN):
        with pytest.raises(Forbidden, match=str(scope)):
            caller.require(scope)


async def test_a_key_is_shown_once_and_kept_as_a_hash(world: World) -> None:
    made = await world.new()
    assert made.text.startswith(f"{made.key.prefix}_")
    assert made.text not in repr(world.keys.rows)
    assert made.text.removeprefix(f"{made.key.prefix}_") not in repr(world.keys.rows)
    assert len({(await world.new()).text for _ in range(100)}) == 100


async def test_what_is_not_a_key_is_refused(world: World) -> None:
    made = await world.new()
    wrong = f"{made.text[:-1]}{'A' if made.text[-1] != 'A' else 'B'}"
    other = await world.new("bob")
    mixed = made.text[: len(made.key.prefix)] + other.text[len(made.key.prefix) :]
    for text in (
        None,
        "",
        "oek",
        wrong,
        mixed,
        made.text + " ",
        made.text.upper(),
        made.text + "A",
        "é" * 60,
    ):
        assert await world.is_refused(text), text
    world.peppers = [b"another"]
    assert await world.is_refused(made.text)


async def test_a_key_that_there_is_not_takes_the_steps_of_one_with_a_wrong_secret(world: World) -> None:
    made = await world.new()
    compared = []
    matches = world.authentication._hash.matches

    async def noted(content: bytes, hash: bytes) -> bool:
        compared.append(len(hash))
        return await matches(content, hash)

    world.authentication._hash.matches = noted  # type: ignore[method-assign]
    looks = world.keys.looks
    for text in (made.text[:-1] + "_", "oek_" + "0" * 12 + made.text[16:]):
        assert key_id(text)
        assert await world.is_refused(text)
    assert (compared, world.keys.looks - looks) == ([32, 32], 2)


async def test_a_revoked_key_is_refused_at_once(world: World) -> None:
    made = await world.new()
    await world.authentication.caller(made.text)
    await world.management.revoke(made.key.id)
    with pytest.raises(Unauthenticated, match="expired or was revoked"):
        await world.authentication.caller(made.text)
    access = Access(Caller(Account("alice"), frozenset(Scope), made.key.id))
    with pytest.raises(Unauthenticated):
        await world.authentication.check(access)


async def test_an_expired_key_is_refused(world: World) -> None:
    made = await world.new(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert await world.is_refused(made.text)


async def test_a_key_is_rotated_without_an_outage(world: World) -> None:
    old = await world.new()
    new = await world.management.rotate(old.key.id, overlap_ms=60_000)
    for text in (old.text, new.text):
        assert (await world.authentication.caller(text)).account == Account("alice")
    assert new.key.scopes == old.key.scopes
    newest = await world.management.rotate(new.key.id, overlap_ms=0)
    assert [await world.is_refused(text) for text in (new.text, newest.text)] == [True, False]


async def test_the_pepper_is_rotated_without_an_outage(world: World) -> None:
    old = await world.new()
    world.peppers = [b"newer", b"pepper"]
    new = await world.new()
    assert not await world.is_refused(old.text)
    world.peppers = [b"newer"]
    assert [await world.is_refused(made.text) for made in (old, new)] == [True, False]


async def test_a_use_is_stored_once_a_minute(world: World) -> None:
    made = await world.new()
    assert world.keys.rows[made.key.id].last_used_at is None
    for _ in range(3):
        await world.authentication.caller(made.text)
    looks = world.keys.looks
    first = world.keys.rows[made.key.id].last_used_at
    await world.authentication.caller(made.text)
    assert world.keys.looks == looks + 1
    assert world.keys.rows[made.key.id].last_used_at == first is not None


@pytest.mark.parametrize(
    ("account", "name", "scopes", "code"),
    [
        ("", "bot", READ, "INVALID_ACCOUNT"),
        ("Alice", "bot", READ, "INVALID_ACCOUNT"),
        ("a" * 41, "bot", READ, "INVALID_ACCOUNT"),
        ("a\nb", "bot", READ, "INVALID_ACCOUNT"),
        ("alice", "", READ, "INVALID_NAME"),
        ("alice", "b" * 101, READ, "INVALID_NAME"),
        ("alice", "a\nline", READ, "INVALID_NAME"),
        ("alice", "bot", [], "INVALID_SCOPE"),
        ("alice", "bot", ["orders:all"], "INVALID_SCOPE"),
    ],
)
async def test_a_wrong_key_is_not_made(
    world: World, account: str, name: str, scopes: list[str], code: str
) -> None:
    with pytest.raises(InvalidRequest) as raised:
        await world.management.create(account, name, scopes)
    assert raised.value.code == code
    assert world.keys.rows == {}


async def test_a_key_that_there_is_not_cannot_be_revoked_or_rotated(world: World) -> None:
    made = await world.new()
    await world.management.revoke(made.key.id)
    for attempt in (
        world.management.revoke("0" * 12),
        world.management.rotate("0" * 12, 0),
        world.management.rotate(made.key.id, 0),
    ):
        with pytest.raises(NotFound):
            await attempt


async def test_no_caller_is_let_in_while_the_store_is_away(world: World) -> None:
    made = await world.new()
    world.keys.unavailable = True
    with pytest.raises(TemporarilyUnavailable):
        await world.authentication.caller(made.text)
