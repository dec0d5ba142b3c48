"""Slack is slow, broken, or has thrown us out: messages wait in order, nothing is lost, the operator hears once."""

from __future__ import annotations

import pytest

from sandbox.faults import Fault
from sandbox.stage import Stage
from sandbox.visitor import Visitor
from tests.flows.conftest import Opens, settled, until
from tests.flows.reading import said, threads

LIMITED = Fault(status=429, headers={"Retry-After": "1"}, body={"ok": False, "error": "ratelimited"})
BROKEN = Fault(status=500, body={"ok": False, "error": "internal_error"})
ANSWER_LOST = Fault(drop="after")
NOTHING_DONE = Fault(drop="before")


def _shown(stage: Stage, count: int) -> list[int]:
    """Which of the numbered messages stand in the only thread, in their order; every occurrence counts."""
    openings = threads(stage)
    if not openings:
        return []
    posts = said(stage, openings[0])
    return [number for post in posts for number in range(count) if f"message-{number}." in post]


@pytest.mark.parametrize(
    ("fault", "times"),
    [(LIMITED, 2), (BROKEN, 2), (ANSWER_LOST, 1), (NOTHING_DONE, 2)],
    ids=["429", "500", "answer-lost", "cut"],
)
async def test_posting_fails_for_a_while(set_stage: Opens, fault: Fault, times: int) -> None:
    async with set_stage() as stage, Visitor(stage.website) as visitor:
        stage.slack.faults.order("chat.postMessage", fault, times=times)
        for number in range(5):
            await visitor.send(f"message-{number}.")
        await until(lambda: len(set(_shown(stage, 5))) == 5, "all five messages", 30)
        await settled(stage)
        assert _shown(stage, 5) == [0, 1, 2, 3, 4]
        assert len(threads(stage)) == 1


async def test_the_answer_to_a_later_post_is_lost(set_stage: Opens) -> None:
    """The post stands, but we do not know: we look, and do not post it again."""
    async with set_stage() as stage, Visitor(stage.website) as visitor:
        await visitor.send("message-0.")
        await until(lambda: _shown(stage, 1), "the thread")
        stage.slack.faults.order("chat.postMessage", ANSWER_LOST)
        await visitor.send("message-1.")
        await visitor.send("message-2.")
        await until(lambda: len(set(_shown(stage, 3))) == 3, "all three messages", 30)
        await settled(stage)
        assert _shown(stage, 3) == [0, 1, 2]


async def test_the_token_is_revoked_and_restored(set_stage: Opens) -> None:
    async with set_stage(socket_mode=False, probe_seconds=0.3) as stage, Visitor(stage.website) as visitor:
        await visitor.send("message-0.")
        await until(lambda: _shown(stage, 1), "the thread")
        stage.slack.revoke_token()
        await visitor.send("message-1.")
        await visitor.send("message-2.")
        await until(lambda: stage.app.troubles.listing(), "the operator is told")
        while not (status := await stage.app.status())["paused"]:
            await settled(stage)
        assert [paused["what"] for paused in status["paused"]] == ["shop"]
        assert [trouble.source for trouble in stage.app.troubles.listing()] == ["shop"]
        stage.slack.restore_token()
        await until(lambda: len(_shown(stage, 3)) == 3, "all three messages")
        await settled(stage)
        assert _shown(stage, 3) == [0, 1, 2]
        assert not stage.app.troubles.listing()


async def test_the_room_is_archived_and_comes_back(set_stage: Opens) -> None:
    async with set_stage(probe_seconds=0.3) as stage, Visitor(stage.website) as visitor:
        await visitor.send("message-0.")
        [opening] = await until(lambda: threads(stage), "the thread")
        stage.slack.archive_channel(stage.support)
        await visitor.send("message-1.")
        await visitor.send("message-2.")
        await until(lambda: stage.app.troubles.listing(), "the operator is told")
        status = await stage.app.status()
        assert [room["room"] for room in status["closed_rooms"]] == [stage.support]
        stage.slack.unarchive_channel(stage.support)
        stage.slack.invite_bot(stage.support)
        await until(lambda: len(_shown(stage, 3)) == 3, "all three messages")
        await settled(stage)
        assert _shown(stage, 3) == [0, 1, 2]
        assert opening["ts"] == threads(stage)[0]["ts"]
        assert not stage.app.troubles.listing()


async def test_replies_leave_while_slack_is_down_for_us(set_stage: Opens) -> None:
    """We can post nothing; what the agent wrote was heard, and goes to the customer."""
    async with set_stage() as stage, Visitor(stage.website) as visitor:
        await visitor.send("message-0.")
        [opening] = await until(lambda: threads(stage), "the thread")
        for method in ("chat.postMessage", "chat.update", "chat.postEphemeral", "reactions.add"):
            stage.slack.faults.stand(method, BROKEN)
        await stage.slack.person_posts(stage.bea, stage.support, "the answer", thread_ts=opening["ts"])
        await visitor.until(lambda: visitor.texts(mine=False) == ["the answer"])
