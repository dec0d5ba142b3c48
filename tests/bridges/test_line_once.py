"""Each answer reaches the customer's LINE once, free where it can be: by reply token, else by push."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from core.contracts.bridge import ExternalId
from core.contracts.errors import FailureReason, OutcomeUnknown, PermanentFailure, TemporaryFailure
from core.testing.runtime import KeptValue, outbound
from sandbox.faults import Fault
from tests.bridges.line_accounts import Account, Clock, account, clocked


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def shop(session: aiohttp.ClientSession, tmp_path: Path, clock: Clock) -> AsyncIterator[Account]:
    async with clocked(session, tmp_path, clock) as one:
        yield one


@pytest.fixture
async def ada(shop: Account) -> str:
    return await shop.customer()


async def test_the_first_answer_is_free_and_the_next_are_pushed(shop: Account, ada: str) -> None:
    first = await shop.bridge.send(shop.answer(ada, "One", key="k1"))
    second = await shop.bridge.send(shop.answer(ada, "Two", key="k2"))
    assert [(bubble.id, bubble.text, bubble.by_reply) for bubble in shop.shown(ada)] == [
        (first, "One", True),
        (second, "Two", False),
    ]
    assert shop.line.world.used == 1
    assert len(shop.calls("reply")) == 1, "a used token is not tried again"


async def test_a_push_has_a_uuid_as_its_retry_key_and_a_reply_has_none(shop: Account, ada: str) -> None:
    for key in ("k1", "k2", "k3"):
        await shop.bridge.send(shop.answer(ada, key=key))
    keys = [call.headers.get("X-Line-Retry-Key") for call in shop.line.calls if call.name in ("reply", "push")]
    assert keys[0] is None
    assert len({uuid.UUID(key) for key in keys[1:] if key}) == 2


async def test_after_fifty_seconds_nothing_is_tried_by_reply(shop: Account, ada: str, clock: Clock) -> None:
    clock.passes(50)
    await shop.bridge.send(shop.answer(ada))
    assert [bubble.by_reply for bubble in shop.shown(ada)] == [False]
    assert not shop.calls("reply")


async def test_a_token_that_line_ended_early_becomes_a_push(shop: Account, ada: str) -> None:
    shop.line.world.reply_tokens.clear()
    await shop.bridge.send(shop.answer(ada))
    assert [bubble.by_reply for bubble in shop.shown(ada)] == [False]


async def test_a_push_in_doubt_is_sent_again_and_arrives_once(shop: Account, ada: str, clock: Clock) -> None:
    clock.passes(60)
    shop.line.faults.order("push", Fault(drop="after"))
    with pytest.raises(OutcomeUnknown):
        await shop.bridge.send(shop.answer(ada))
    again = await shop.bridge.send(shop.answer(ada))
    (bubble,) = shop.shown(ada)
    assert again == bubble.id, "409 names what was sent"
    assert [call.status for call in shop.line.calls if call.name == "push"] == [200, 409]


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_push_in_doubt_stays_a_push_although_she_wrote_again(
    shop: Account, ada: str, tmp_path: Path, clock: Clock, restarted: bool
) -> None:
    clock.passes(60)
    shop.line.faults.order("push", Fault(drop="after"))
    with pytest.raises(OutcomeUnknown):
        await shop.bridge.send(shop.answer(ada))
    await shop.line.customer_writes(ada, "Are you there?")
    await shop.core.arrived(2)
    bridge = shop.bridge
    if restarted:
        bridge = account(shop.line, shop.core.session, tmp_path, memory=shop.core.memory, clock=clock).bridge
    await bridge.send(shop.answer(ada))
    assert len(shop.shown(ada)) == 1
    await bridge.send(shop.answer(ada, "Yes, here", key="k2"))
    assert [bubble.by_reply for bubble in shop.shown(ada)] == [False, True], "her new token is not lost"


async def test_a_409_without_ids_is_a_success_too(shop: Account, ada: str, clock: Clock) -> None:
    clock.passes(60)
    shop.line.faults.order("push", Fault(status=409, body={"message": "The retry key is already accepted"}))
    assert uuid.UUID(await shop.bridge.send(shop.answer(ada)))


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_reply_in_doubt_is_sent_again_and_arrives_once(
    shop: Account, ada: str, tmp_path: Path, clock: Clock, restarted: bool
) -> None:
    shop.line.faults.order("reply", Fault(drop="after"))
    with pytest.raises(OutcomeUnknown):
        await shop.bridge.send(shop.answer(ada))
    bridge = shop.bridge
    if restarted:
        bridge = account(shop.line, shop.core.session, tmp_path, memory=shop.core.memory, clock=clock).bridge
    clock.passes(5)
    for _ in range(2):
        assert await bridge.send(shop.answer(ada))
        assert len(shop.shown(ada)) == 1
    assert not shop.calls("push")


async def test_a_reply_that_is_known_to_have_arrived_is_not_repeated(shop: Account, ada: str, clock: Clock) -> None:
    first = await shop.bridge.send(shop.answer(ada))
    clock.passes(600)
    assert await shop.bridge.send(shop.answer(ada)) == first
    assert len(shop.shown(ada)) == len(shop.calls("reply")) == 1


async def test_a_reply_that_did_not_arrive_is_replied_again(shop: Account, ada: str) -> None:
    shop.line.faults.order("reply", Fault(status=503))
    with pytest.raises(OutcomeUnknown):
        await shop.bridge.send(shop.answer(ada))
    assert await shop.bridge.send(shop.answer(ada)) == shop.shown(ada)[0].id
    assert [bubble.by_reply for bubble in shop.shown(ada)] == [True]


async def test_a_reply_in_doubt_whose_token_may_have_ended_is_for_a_person(
    shop: Account, ada: str, clock: Clock
) -> None:
    shop.line.faults.order("reply", Fault(drop="before"))
    with pytest.raises(OutcomeUnknown):
        await shop.bridge.send(shop.answer(ada))
    clock.passes(61)
    for _ in range(2):
        with pytest.raises(PermanentFailure, match="did not say whether") as failed:
            await shop.bridge.send(shop.answer(ada))
        assert failed.value.reason is FailureReason.UNKNOWN_OUTCOME
    assert not shop.shown(ada), "it is never pushed, for it may be there"


async def test_a_refused_reply_leaves_its_token_to_the_next_try(shop: Account, ada: str) -> None:
    shop.line.faults.order("reply", Fault(status=429, body={"message": "The API rate limit has been exceeded."}))
    with pytest.raises(TemporaryFailure):
        await shop.bridge.send(shop.answer(ada))
    await shop.bridge.send(shop.answer(ada))
    assert [bubble.by_reply for bubble in shop.shown(ada)] == [True]


async def test_what_is_remembered_is_bounded(shop: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridges.line.bridge.MOST_WAYS", 3)
    for number in range(6):
        user = await shop.customer(f"Customer {number}")
        await shop.bridge.send(shop.answer(user, key=f"k{number}"))
    assert list(shop.core.memory.value["ways"]) == ["k3", "k4", "k5"]


class SlowMemory(KeptValue):
    """A database: others get their turn while it reads and writes."""

    async def load(self) -> Mapping[str, Any]:
        await asyncio.sleep(0.001)
        return self.value

    async def save(self, value: Mapping[str, Any]) -> None:
        await asyncio.sleep(0.001)
        self.value = value


async def test_replies_at_the_same_time_are_all_remembered(shop: Account, tmp_path: Path, clock: Clock) -> None:
    users = [await shop.customer(f"Customer {number}") for number in range(8)]
    memory = SlowMemory()
    one = account(shop.line, shop.core.session, tmp_path, memory=memory, clock=clock)
    await asyncio.gather(*(one.bridge.send(shop.answer(user, key=user)) for user in users))
    assert set(memory.value["ways"]) == set(users)
    assert all(sent for _, _, sent in memory.value["ways"].values())


async def test_memory_of_another_time_is_ignored(shop: Account, session: aiohttp.ClientSession, tmp_path: Path) -> None:
    memory = KeptValue()
    memory.value = {"cursor": 7}
    one = account(shop.line, session, tmp_path, memory=memory)
    assert await one.bridge.send(outbound(shop.line.add_customer("Ada"), "hello", quote=ExternalId("gone")))
