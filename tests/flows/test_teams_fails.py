"""Teams is slow, broken, or has thrown us out: messages wait in order, nothing is lost, the operator hears once."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sandbox.faults import Fault
from sandbox.play.agents import words as slack_words
from sandbox.stage import Stage
from sandbox.visitor import Visitor
from tests.flows.conftest import Opens, settled, until
from tests.flows.reading_teams import buttons, find, installed, said, threads, told, words

LIMITED = Fault(
    status=429, headers={"Retry-After": "1"}, body={"error": {"code": "TooManyRequests", "message": "Quota exceeded."}}
)
CONFLICT = Fault(status=412, body={"error": {"code": "ConflictingOperation", "message": "Try again."}})
BROKEN = Fault(status=500, body={"error": {"code": "ServiceError", "message": "Unknown."}})
TOO_LARGE = Fault(status=413, body={"error": {"code": "MessageSizeTooBig", "message": "Too big."}})
BLOCKED = Fault(status=403, body={"error": {"code": "MessageWritesBlocked", "message": "Writes are blocked."}})
DENIED = Fault(status=401, body={"error": {"code": "InvalidAuthenticationToken", "message": "Denied."}})
ANSWER_LOST = Fault(drop="after")
NOTHING_DONE = Fault(drop="before")
#: Everything goes to Teams, and what the operator is told to Slack.
ALL = '[[routes]]\nname = "all"\nrooms = ["care/#customers"]'
VIP = '[[routes]]\nname = "vip"\nrooms = ["care/#vip"]\nwhen = { words = ["order"] }'
CARE = {"teams": True, "rooms": ("care/#customers",), "channels": ("webchat",)}


@asynccontextmanager
async def _care(set_stage: Opens, **options: Any) -> AsyncIterator[tuple[Stage, Visitor]]:
    """The app is in the team, and somebody has the web chat open."""
    async with set_stage(**{**CARE, **options}) as stage, Visitor(stage.website) as visitor:
        await installed(stage)
        yield stage, visitor


def _shown(stage: Stage, count: int) -> list[int]:
    """Which of the numbered messages stand in the only thread, in their order; every occurrence counts."""
    openings = threads(stage)
    if not openings:
        return []
    posts = said(stage, openings[0])
    return [number for post in posts for number in range(count) if f"message-{number}." in post]


@pytest.mark.parametrize(
    ("first", "later"),
    [(LIMITED, BROKEN), (BROKEN, NOTHING_DONE), (NOTHING_DONE, CONFLICT)],
    ids=["429-500", "500-cut", "cut-412"],
)
async def test_posting_fails_for_a_while(set_stage: Opens, first: Fault, later: Fault) -> None:
    """The opening ("post") and what follows in the thread ("reply")."""
    async with _care(set_stage) as (stage, visitor):
        stage.teams.faults.order("post", first)
        stage.teams.faults.order("reply", later)
        for number in range(4):
            await visitor.send(f"message-{number}.")
        await until(lambda: len(set(_shown(stage, 4))) == 4, "all four messages", 30)
        await settled(stage)
        assert _shown(stage, 4) == [0, 1, 2, 3]
        assert len(threads(stage)) == 1


async def test_the_same_on_either_store(set_stage: Opens, any_database: str) -> None:
    """The answers to the opening, to the first message and to a later one are lost, on SQLite and on PostgreSQL."""
    async with _care(set_stage, database=any_database) as (stage, visitor):
        stage.teams.faults.order("post", ANSWER_LOST)
        stage.teams.faults.order("reply", ANSWER_LOST, times=2)
        await visitor.send("message-0.")
        await visitor.send("message-1.")
        await visitor.send("message-2.")
        await until(lambda: len(set(_shown(stage, 3))) == 3, "all three messages", 30)
        await settled(stage)
        assert _shown(stage, 3) == [0, 1, 2]
        assert len(threads(stage)) == 1


def _trouble(stage: Stage) -> str:
    """What the operator is told about the room."""
    about = [one.sentence for one in stage.app.troubles.listing() if one.source == f"care/{stage.customers}"]
    return about[0] if about else ""


def _alerts(stage: Stage, about: str = "") -> list[str]:
    """What the operators' room was told, of one room if it is named."""
    messages = [slack_words(message) for message in stage.slack.messages(stage.support)]
    return [told for told in messages if "Something" in told and about in told]


async def _open(stage: Stage, visitor: Visitor) -> dict[str, Any]:
    """The thread of the first message, once that stands in it."""
    await visitor.send("message-0.")
    await until(lambda: _shown(stage, 1), "the thread")
    await settled(stage)
    return threads(stage)[0]


async def test_without_graph_nobody_is_told_twice_and_an_agent_decides(set_stage: Opens) -> None:
    """The owners gave no consent to reading: what may stand there is asked about, never posted again."""
    async with _care(set_stage) as (stage, visitor):
        opening = await _open(stage, visitor)
        stage.teams.world.rsc = False
        stage.teams.faults.order("reply", ANSWER_LOST)
        await visitor.send("message-1.")
        await visitor.send("message-2.")
        await until(lambda: find(stage, opening, "may be missing"), "a sentence about the doubt", 30)
        await until(lambda: 2 in _shown(stage, 3), "what follows")
        await settled(stage)
        assert _shown(stage, 3) == [0, 1, 2]


async def test_the_secret_is_revoked_and_restored(set_stage: Opens) -> None:
    async with _care(set_stage, probe_seconds=0.3) as (stage, visitor):
        await _open(stage, visitor)
        stage.teams.revoke_secret()
        await visitor.send("message-1.")
        await visitor.send("message-2.")
        await until(lambda: stage.app.troubles.listing(), "the operator is told")
        while not (status := await stage.app.status())["paused"]:
            await settled(stage)
        assert [paused["what"] for paused in status["paused"]] == ["care"]
        assert [trouble.source for trouble in stage.app.troubles.listing()] == ["care"]
        assert "make a new one (Entra >" in stage.app.troubles.listing()[0].sentence
        stage.teams.restore_secret()
        await until(lambda: len(_shown(stage, 3)) == 3, "all three messages")
        await settled(stage)
        assert _shown(stage, 3) == [0, 1, 2]
        assert not stage.app.troubles.listing()


async def test_the_bot_connector_refuses_our_token(set_stage: Opens) -> None:
    """Entra gives one, and Teams takes none: a bot of another app, or of another type."""
    async with _care(set_stage, probe_seconds=0.3) as (stage, visitor):
        await _open(stage, visitor)
        for name in ("reply", "post", "teams", "members"):
            stage.teams.faults.stand(name, DENIED)
        await visitor.send("message-1.")
        await until(lambda: stage.app.troubles.listing(), "the operator is told")
        assert "Single Tenant" in stage.app.troubles.listing()[0].sentence
        stage.teams.faults.clear()
        await until(lambda: len(_shown(stage, 2)) == 2, "both messages")
        await settled(stage)
        assert _shown(stage, 2) == [0, 1]
        assert not stage.app.troubles.listing()


@pytest.mark.parametrize("way", ["deleted", "removed", "archived", "blocked"])
async def test_the_room_is_closed_and_comes_back(set_stage: Opens, way: str) -> None:
    """Held, the operator is told once, and all goes on in the same thread."""
    async with _care(set_stage, probe_seconds=0.3, rooms=("shop/#support",), extra=ALL) as (stage, visitor):
        opening = await _open(stage, visitor)
        teams = stage.teams
        if way == "deleted":
            await teams.delete_channel(stage.customers)
        elif way == "removed":
            await teams.uninstall(stage.team)
        elif way == "archived":
            await teams.archive_team(stage.team)
        else:
            for name in ("reply", "post"):
                teams.faults.stand(name, BLOCKED)
        await teams.idle()
        await visitor.send("message-1.")
        await visitor.send("message-2.")
        sentence = await until(lambda: _trouble(stage), "the operator is told")
        assert re.search("[Ii]n Teams(:| see| \\()", sentence), sentence
        status = await stage.app.status()
        assert stage.customers in [room["room"] for room in status["closed_rooms"]]
        if way == "deleted":
            await teams.restore_channel(stage.customers)
        elif way == "removed":
            await teams.install(stage.team)
        elif way == "archived":
            await teams.unarchive_team(stage.team)
        else:
            teams.faults.clear()
        await until(lambda: len(_shown(stage, 3)) == 3, "all three messages")
        await settled(stage)
        assert _shown(stage, 3) == [0, 1, 2]
        assert opening["id"] == threads(stage)[0]["id"]
        assert not stage.app.troubles.listing()
        await until(lambda: len(_alerts(stage, "#customers")) == 2, "that it is over")
        assert "works again" in _alerts(stage, "#customers")[1]
        # All rooms of a team in one; but the room where we met it first may have been told of before.
        assert len(_alerts(stage)) <= 3, _alerts(stage)


async def test_replies_leave_while_teams_is_down_for_us(set_stage: Opens) -> None:
    """We can post nothing; what the agent wrote was heard, and goes to the customer."""
    async with _care(set_stage) as (stage, visitor):
        opening = await _open(stage, visitor)
        for name in ("post", "reply", "edit", "react", "targeted", "direct"):
            stage.teams.faults.stand(name, BROKEN)
        await stage.teams.person_posts(stage.care_bea, stage.customers, "the answer", opening["id"])
        await visitor.until(lambda: visitor.texts(mine=False) == ["the answer"])


async def test_private_words_that_are_refused_go_to_her_own_chat(set_stage: Opens) -> None:
    """Targeted messages are a preview that an organisation may not have."""
    async with _care(set_stage) as (stage, visitor):
        opening = await _open(stage, visitor)
        refusal = {"error": {"code": "BadArgument", "message": "Targeted messages are not enabled."}}
        stage.teams.faults.stand("targeted", Fault(status=400, body=refusal))
        await stage.teams.person_posts(stage.care_bea, stage.customers, "!help", opening["id"])
        [shown] = await until(lambda: stage.teams.chat(stage.care_bea), "words in her chat")
        assert "What works in this thread" in words(shown)
        assert not told(stage, stage.care_bea)
        assert "Open thread" in buttons(shown) or "l/message" in str(shown)


async def test_a_message_that_teams_finds_too_large(set_stage: Opens) -> None:
    """Said in words where it would have stood, and what follows follows."""
    async with _care(set_stage) as (stage, visitor):
        opening = await _open(stage, visitor)
        stage.teams.faults.order("reply", TOO_LARGE)
        await visitor.send("message-1.")
        await visitor.send("message-2.")
        await until(lambda: find(stage, opening, "too large for a message in Teams"), "the sentence")
        await until(lambda: 2 in _shown(stage, 3), "what follows")
        assert _shown(stage, 3) == [0, 2]


async def test_a_new_conversation_goes_where_a_room_is_open(set_stage: Opens) -> None:
    async with _care(set_stage, extra=VIP) as (stage, visitor):
        await stage.teams.delete_channel(stage.care_vip)
        await until(lambda: stage.app.troubles.listing(), "the operator is told")
        await visitor.send("message-0. about my order")
        await until(lambda: _shown(stage, 1), "the thread")
        await until(lambda: find(stage, threads(stage)[0], "Shown here because care/#vip cannot be used"), "the reason")


async def test_what_agents_do_is_told_late_twice_and_in_the_wrong_order(set_stage: Opens) -> None:
    """An edit and a delete come before the messages that they are about: the customer has each reply once, as it is."""
    async with _care(set_stage) as (stage, visitor):
        opening = await _open(stage, visitor)
        teams, bea, room = stage.teams, stage.care_bea, stage.customers
        teams.deliver_twice = True
        teams.hold_events()
        first = await teams.person_posts(bea, room, "green tee", opening["id"])
        second = await teams.person_posts(bea, room, "said too much", opening["id"])
        await teams.person_posts(bea, room, "// between us", opening["id"])
        await teams.person_posts(stage.care_omar, room, "and a cup", opening["id"])
        await teams.person_edits(bea, room, first, "green tea")
        await teams.person_deletes(bea, room, second)
        teams.release_events("reversed")
        await visitor.until(lambda: len(visitor.texts(mine=False)) >= 2)
        await teams.idle()
        await settled(stage)
        assert visitor.texts(mine=False) == ["green tea", "and a cup"]
        assert (await stage.app.status())["quarantined"] == 0
