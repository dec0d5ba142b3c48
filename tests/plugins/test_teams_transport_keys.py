"""Microsoft's signing keys: new ones at once, old ones while none can be had, and never many fetches."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from plugins.teams import keys
from sandbox.faults import Fault
from sandbox.teams import TeamsSandbox
from tests.plugins.teams_microsoft import Clock, Json
from tests.plugins.teams_proving import Door, fetches, message, now, opened


@pytest.fixture
async def teams() -> AsyncIterator[TeamsSandbox]:
    async with TeamsSandbox(limits=False) as server:
        yield server


@pytest.fixture
async def clock() -> Clock:
    return Clock()


@pytest.fixture
async def door(teams: TeamsSandbox, clock: Clock) -> AsyncIterator[Door]:
    async with opened(teams, clock) as opening:
        yield opening


async def test_a_key_that_is_announced_after_our_last_fetch_works_at_once(teams: TeamsSandbox, door: Door) -> None:
    assert await door.signed() == 200
    for _ in range(3):
        teams.rotate_keys()
        assert await door.signed() == 200
        assert await door.signed(key="previous") == 200


async def test_a_key_that_is_announced_while_keys_are_being_fetched_works_at_once(
    teams: TeamsSandbox, door: Door
) -> None:
    assert await door.signed() == 200
    address = f"{teams.url}/v1/.well-known/keys"
    async with door.session.get(address) as answer:
        before = await answer.json()
    teams.faults.order("keys", Fault(status=200, body={"jwks_uri": address}))
    teams.faults.order("keys", Fault(status=200, body=before, delay=0.2))
    first = asyncio.create_task(door.signed(key="stranger"))
    async with asyncio.timeout(5):
        # Looked at from outside: the sandbox tells nobody when a fault has begun.
        while teams.faults._ordered["keys"]:  # noqa: ASYNC110
            await asyncio.sleep(0)
    # That fetch is under way, and its answer was made before this.
    teams.rotate_keys()
    assert await door.signed() == 200
    assert await first == 401


async def test_keys_are_fetched_once_for_all_who_wait_and_kept_for_a_day(
    teams: TeamsSandbox, door: Door, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = fetches(teams, monkeypatch)
    assert await asyncio.gather(*(door.signed() for _ in range(50))) == [200] * 50
    assert len(asked) == 2, "the metadata and the keys"
    clock.move(hours=22)
    assert await door.signed(exp=now() + 86_400 * 2) == 200
    assert len(asked) == 2
    clock.move(hours=3)
    assert await door.signed(exp=now() + 86_400 * 2) == 200
    assert len(asked) == 4


async def test_a_key_that_is_no_longer_announced_is_not_believed_for_ever(
    teams: TeamsSandbox, door: Door, clock: Clock
) -> None:
    old = teams.mint(exp=now() + 86_400 * 30)
    assert await door.post(message(teams), f"Bearer {old}") == 200
    teams.rotate_keys()
    teams.rotate_keys()
    clock.move(hours=25)
    assert await door.post(message(teams), f"Bearer {old}") == 401


async def test_keys_are_kept_while_they_cannot_be_fetched(
    teams: TeamsSandbox, door: Door, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    assert await door.signed() == 200
    teams.faults.stand("keys", Fault(status=503))
    for _ in range(3):
        clock.move(days=1, hours=1)
        assert await door.signed(exp=now() + 86_400 * 30) == 200
    assert [record.message for record in caplog.records if getattr(record, "action", "") == "keys_failed"] == [
        "Microsoft's signing keys could not be fetched"
    ]
    teams.rotate_keys()
    assert await door.signed(exp=now() + 86_400 * 30) == 503, "Microsoft brings it again"
    teams.faults.clear()
    clock.move(seconds=6)
    assert await door.signed(exp=now() + 86_400 * 30) == 200


ODD_KEYS: list[Json] = [
    {},
    {"keys": None},
    {"keys": [None, 1, "x", {}, {"kid": "1"}, {"kty": "RSA", "n": "!", "e": "AQAB", "kid": "1"}]},
    {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "1", "endorsements": ["msteams"]}]},
]


@pytest.mark.parametrize("answer", ODD_KEYS)
async def test_odd_keys_break_nothing_and_replace_nothing(
    teams: TeamsSandbox, door: Door, clock: Clock, answer: Json
) -> None:
    assert await door.signed() == 200
    teams.faults.order("keys", Fault(status=200, body={"jwks_uri": f"{teams.url}/v1/.well-known/keys"}))
    teams.faults.order("keys", Fault(status=200, body=answer))
    assert await door.signed(key="stranger") in {401, 503}
    assert await door.signed() == 200


@pytest.mark.parametrize(
    "address", ["", "http://example.com/keys", "file:///etc/passwd", "ftp://127.0.0.1/keys", "http://127.0.0.1:9/"]
)
async def test_keys_are_not_taken_from_an_address_that_is_not_safe(
    teams: TeamsSandbox, door: Door, address: str
) -> None:
    teams.faults.order("keys", Fault(status=200, body={"jwks_uri": address}))
    assert await door.signed() == 503
    assert door.delivered == []


async def test_without_any_keys_microsoft_is_asked_to_come_again(teams: TeamsSandbox, door: Door, clock: Clock) -> None:
    teams.faults.stand("keys", Fault(drop="before"))
    assert await door.signed() == 503
    assert door.delivered == []
    teams.faults.clear()
    clock.move(seconds=6)
    assert await door.signed() == 200


async def test_keys_that_do_not_come_hold_a_request_for_seconds_only(
    teams: TeamsSandbox, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "PATIENCE", 0.2)
    teams.faults.stand("keys", Fault(delay=30))
    async with asyncio.timeout(5):
        assert await door.signed() == 503
    teams.faults.clear()


async def test_a_flood_of_unknown_keys_makes_few_fetches(
    teams: TeamsSandbox, door: Door, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await door.signed() == 200
    asked = fetches(teams, monkeypatch)
    strangers = [door.signed(key="stranger", kid=f"stranger-{number}") for number in range(100)]
    assert set(await asyncio.gather(*strangers)) <= {401, 503}
    for number in range(30):
        assert await door.signed(key="stranger", kid=f"late-{number}") in {401, 503}
    assert len(asked) <= 2 * keys.AT_ONCE
    assert len(door.delivered) == 1
    # A key that is announced during the flood works a moment later; until then Microsoft is asked to come again.
    teams.rotate_keys()
    assert await door.signed() == 503
    clock.move(seconds=keys.AGAIN.total_seconds())
    assert await door.signed(key="stranger", kid="once more") == 401
    assert await door.signed() == 200
    assert len(asked) <= 2 * keys.AT_ONCE + 2
