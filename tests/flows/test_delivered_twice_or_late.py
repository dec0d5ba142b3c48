"""A vendor delivers twice, in reverse, and twenty at once: one conversation, one thread, no duplicate, right order."""

from __future__ import annotations

import asyncio
import re

import pytest

from sandbox.visitor import Visitor
from tests.flows.conftest import Opens, settled, until
from tests.flows.reading import said, threads


def _numbers(posts: list[str]) -> list[int]:
    """Which of the customer's numbered messages stand in the thread, in the order in which they stand there."""
    found: list[int] = []
    for post in posts:
        seen: list[int] = []
        for number in re.findall(r"message-(\d+)\.", post):
            if int(number) not in seen:
                seen.append(int(number))
        found.extend(seen)
    return found


@pytest.mark.parametrize("polling", [True, False], ids=["polling", "webhook"])
async def test_every_update_twice(set_stage: Opens, polling: bool) -> None:
    async with set_stage(polling=polling) as stage:
        stage.telegram.deliver_twice = True
        user = stage.telegram.add_customer("Tariq")
        for number in range(5):
            await stage.telegram.customer_writes(user, f"message-{number}.")
        [opening] = await until(lambda: threads(stage), "the thread")
        await until(lambda: len(_numbers(said(stage, opening))) >= 5, "five messages")
        await settled(stage)
        assert _numbers(said(stage, opening)) == [0, 1, 2, 3, 4]
        assert len(threads(stage)) == 1


async def test_twenty_in_reverse(set_stage: Opens) -> None:
    async with set_stage(polling=False) as stage:
        user = stage.telegram.add_customer("Tariq")
        stage.telegram.hold_updates()
        for number in range(20):
            await stage.telegram.customer_writes(user, f"message-{number}.")
        stage.telegram.release_updates("reversed")
        [opening] = await until(lambda: threads(stage), "the thread")
        await until(lambda: len(_numbers(said(stage, opening))) >= 20, "twenty messages")
        await settled(stage)
        assert _numbers(said(stage, opening)) == list(range(20))
        assert len(threads(stage)) == 1


async def test_twenty_at_once(set_stage: Opens) -> None:
    async with set_stage(polling=False) as stage:
        user = stage.telegram.add_customer("Tariq")
        stage.telegram.deliver_twice = True
        stage.telegram.hold_updates()
        for number in range(20):
            await stage.telegram.customer_writes(user, f"message-{number}.")
        stage.telegram.release_updates("given", concurrently=True)
        [opening] = await until(lambda: threads(stage), "the thread")
        await until(lambda: len(_numbers(said(stage, opening))) >= 20, "twenty messages")
        await settled(stage)
        assert _numbers(said(stage, opening)) == list(range(20))
        assert len(threads(stage)) == 1


async def test_the_same_send_from_two_tabs(set_stage: Opens) -> None:
    """A browser that lost the answer sends again with the same id, here twenty times at once over two sockets."""
    async with set_stage() as stage, Visitor(stage.website) as first:
        async with Visitor(stage.website, resume=first.resume) as second:
            assert second.visitor_id == first.visitor_id
            await asyncio.gather(
                *(tab.send("message-0.", client_id="same-client-id") for tab in (first, second) for _ in range(5))
            )
            await first.send("message-1.")
        [opening] = await until(lambda: threads(stage), "the thread")
        await until(lambda: len(_numbers(said(stage, opening))) >= 2, "two messages")
        await settled(stage)
        assert _numbers(said(stage, opening)) == [0, 1]


async def test_an_agents_events_twice_and_reversed(set_stage: Opens, any_database: str) -> None:
    async with set_stage(socket_mode=False, database=any_database) as stage, Visitor(stage.website) as visitor:
        await visitor.send("message-0.")
        [opening] = await until(lambda: threads(stage), "the thread")
        stage.slack.deliver_twice = True
        stage.slack.hold_events()
        for number in range(6):
            await stage.slack.person_posts(stage.bea, stage.support, f"answer-{number}", thread_ts=opening["ts"])
        stage.slack.release_events("reversed")
        await visitor.until(lambda: len(visitor.texts(mine=False)) >= 6)
        await settled(stage)
        assert visitor.texts(mine=False) == [f"answer-{number}" for number in range(6)]
