"""The token of an Instagram login is renewed before it ends, kept sealed, and what cannot be helped is told in time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from core.contracts.errors import PermanentFailure
from core.testing.runtime import outbound
from sandbox.faults import Fault
from sandbox.graph import GraphSandbox
from tests.bridges.page_accounts import Account, page_account

DAY = 86_400.0


class Clock:
    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def account(clock: Clock, session: aiohttp.ClientSession, tmp_path: Path) -> AsyncIterator[Account]:
    async with (
        GraphSandbox(limits=False, retry_delays=(0.01,), clock=clock) as graph,
        page_account(graph, session, tmp_path, "instagram itself") as one,
    ):
        yield one


async def looks(account: Account) -> str | None:
    return await account.bridge._look_after()


async def test_it_is_renewed_and_survives_a_restart(account: Account, clock: Clock) -> None:
    first = account.graph.login.token
    assert await looks(account) is None, "less than a day old: it cannot be renewed yet, and works"
    assert account.graph.login.token == first
    clock.now += 2 * DAY
    assert await looks(account) is None
    second = account.graph.login.token
    assert second != first
    kept = json.dumps(account.core.memory.value)
    assert second not in kept
    assert first not in kept
    await account.page.customer_writes(account.user, "Hello")
    account.rebuilt()
    await account.bridge.send(outbound(account.ada, "With the renewed one"))
    for _ in range(20):
        clock.now += 8 * DAY
        assert await looks(account) is None
    assert account.graph.login.token not in (first, second)
    assert await account.bridge.check() == f"@lumenandloom (Instagram {account.page.id})"


async def test_it_is_not_renewed_more_often_than_needed(account: Account, clock: Clock) -> None:
    clock.now += 2 * DAY
    await looks(account)
    token = account.graph.login.token
    for _ in range(6):
        clock.now += DAY
        await looks(account)
    assert account.graph.login.token == token


async def test_another_token_in_the_settings_counts(account: Account, clock: Clock) -> None:
    clock.now += 2 * DAY
    await looks(account)
    account.graph.login.token = "IGAAnew"
    account.rebuilt(access_token="IGAAnew")
    await account.bridge.check()


async def test_what_was_kept_under_another_key_is_left(account: Account, clock: Clock) -> None:
    clock.now += 2 * DAY
    await looks(account)
    account.core.memory.value = {**account.core.memory.value, "token": "gAAAAABx"}
    account.graph.login.token = str(account.settings["access_token"])
    account.rebuilt()
    await account.bridge.check()


async def test_a_token_that_will_end_is_told_two_weeks_before(account: Account, clock: Clock) -> None:
    clock.now += 2 * DAY
    await looks(account)
    account.graph.faults.stand("refresh", Fault(status=500))
    clock.now += 40 * DAY
    assert await looks(account) is None
    clock.now += 10 * DAY
    sentence = await looks(account)
    assert sentence is not None
    assert "ends by" in sentence
    account.graph.faults.clear()
    assert await looks(account) is None


async def test_one_that_was_never_renewed_is_told_likewise(account: Account, clock: Clock) -> None:
    account.graph.faults.stand("refresh", Fault(status=500))
    assert await looks(account) is None
    clock.now += 50 * DAY
    account.rebuilt()
    assert "ends by" in str(await looks(account))


async def test_a_token_that_has_ended_is_told(account: Account, clock: Clock) -> None:
    clock.now += 61 * DAY
    task = asyncio.create_task(account.bridge.listen())
    try:
        await account.core.until(lambda: account.core.troubles)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    sentence = str(account.core.troubles[-1])
    assert "does not work" in sentence
    assert str(account.settings["access_token"]) not in sentence


async def test_a_token_of_another_account_is_told(account: Account) -> None:
    account.rebuilt(instagram_id="17849999999999999")
    with pytest.raises(PermanentFailure, match="instagram_id is 17849999999999999"):
        await account.bridge.check()
