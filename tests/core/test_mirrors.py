"""One conversation in two workspaces at once: one owner, one state, each message once in each, no echo."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from core.contracts.errors import DestinationUnavailable, FailureReason, PermanentFailure
from core.contracts.posts import Tone
from core.contracts.workplace import AgentProfile, RoomChange, Sign
from core.conversations.models import conversations, messages
from core.settings.models import RouteSettings
from core.testing.fakes import FakeCustomer, FakePost, FakeThread, FakeWorkspace
from tests.core.office import BRANCH, COUNTER, SHOP, SUPPORT, Office, buttons, notices, open_office, said, until, words

BOTH = (RouteSettings(name="both", rooms=(f"{SHOP}/R1", f"{BRANCH}/R1")),)


@dataclass(kw_only=True)
class Pair:
    """A conversation as it is shown in both workspaces, and who looks at it."""

    office: Office
    branch: FakeWorkspace
    jane: FakeCustomer
    here: FakeThread
    there: FakeThread
    #: At the branch.
    mia: AgentProfile

    async def both(self, text: str) -> None:
        await until(lambda: text in said(self.here) and text in said(self.there), f"{text} in both")

    async def copied(self, text: str) -> FakePost:
        """Our post of those words at the branch."""
        return await until(
            lambda: next((one for one in self.there.posts if one.post and words(one) == text), None),
            f"a copy of {text}",
        )


@asynccontextmanager
async def mirrored(folder: Path, database: str = "", *, holds: bool = True, **more: Any) -> AsyncIterator[Pair]:
    branch = FakeWorkspace("kiosk", workspace=BRANCH, opening_holds_message=holds)
    async with open_office(folder, database, branch=branch, routes=BOTH, **more) as office:
        mia = branch.agent("Mia", email="mia@shop.example")
        jane = office.channel.customer("Jane")
        here = await office.opened(jane)
        [there] = await until(lambda: branch.threads, "the thread at the branch")
        await office.quiet()
        yield Pair(office=office, branch=branch, jane=jane, here=here, there=there, mia=mia)


@pytest.mark.parametrize("holds", [True, False])
async def test_everything_is_in_both_once(database_url: str, tmp_path: Path, holds: bool) -> None:
    async with mirrored(tmp_path, database_url, holds=holds) as pair:
        office, preview = pair.office, [] if holds else ["Hello"]
        await office.channel.writes(pair.jane, "Where is it?")
        await pair.both("Where is it?")
        await office.tool.says(office.bea, pair.here.ref, "On its way")
        await pair.both("On its way")
        await pair.branch.says(pair.mia, pair.there.ref, "// she called, too")
        await until(lambda: "she called, too" in said(pair.here), "the note")
        await pair.branch.says(pair.mia, pair.there.ref, "It arrives today")
        await pair.both("It arrives today")
        await office.channel.until(lambda: len(office.channel.messages) == 2)
        await office.quiet()
        spoken = ["Hello", "Where is it?", "On its way"]
        assert said(pair.here) == [*spoken, "she called, too", "It arrives today"]
        assert said(pair.there) == [*preview, *spoken, "// she called, too", "It arrives today"]
        assert [message.text for message in office.channel.messages] == ["On its way", "It arrives today"]
        tones = {words(post): (post.post.tone, post.post.author.name) for post in pair.here.posts if post.post}
        assert tones["she called, too"] == (Tone.NOTE, "Mia (Kiosk)")
        assert tones["It arrives today"] == (Tone.AGENT, "Mia (Kiosk)")
        assert (await pair.copied("On its way")).post.author.name == "Bea (Office)"
        await until(lambda: {pair.here.card.status, pair.there.card.status} == {"Claimed by Bea"}, "both cards")


async def test_owner_and_state_are_one(tmp_path: Path) -> None:
    async with mirrored(tmp_path) as pair:
        office = pair.office
        await pair.branch.presses(pair.mia, pair.there.ref, "claim")
        await until(lambda: {pair.here.card.status, pair.there.card.status} == {"Claimed by Mia"}, "both cards")
        await office.tool.presses(office.bea, pair.here.ref, "claim")
        await until(lambda: "Mia was quicker. Type !claim to take over." in office.whispered(), "a private word")
        assert not pair.branch.whispers
        await office.tool.says(office.bea, pair.here.ref, "!claim")
        await pair.both("Bea took over from Mia.")
        await pair.branch.presses(pair.mia, pair.there.ref, "snooze", fields=[("until", "1h")])
        await until(
            lambda: all(card.status.startswith("Snoozed") for card in (pair.here.card, pair.there.card)), "both asleep"
        )
        await office.tool.presses(office.bea, pair.here.ref, "resolve")
        await pair.both("Bea resolved this conversation.")
        await until(lambda: {pair.here.card.status, pair.there.card.status} == {"Resolved"}, "both resolved")
        assert {action.id for action in pair.there.card.actions} == {"reopen", "note"}


async def test_the_cards_say_where_else_it_is_shown(tmp_path: Path) -> None:
    async with mirrored(tmp_path) as pair:
        [link] = await until(lambda: [one for one in pair.here.card.links if one.url], "the address")
        assert (link.label, link.thread) == ("Also in branch/#counter", None)
        assert link.url == f"https://fake.example/R1/{pair.there.ref.thread}"
        [link] = await until(lambda: [one for one in pair.there.card.links if one.url], "the address")
        assert link.label == "Also in shop/#support"
        # Every room shows it.
        assert "mirror" not in {action.id for action in pair.here.card.actions}


async def test_changes_reach_the_copy(tmp_path: Path) -> None:
    async with mirrored(tmp_path, hold=1.0) as pair:
        office = pair.office
        post = await office.tool.says(office.bea, pair.here.ref, "Pay 100")
        copy = await pair.copied("Pay 100")
        await office.tool.edits(post, "Pay 10")
        await until(lambda: words(copy) == "Pay 10", "the edited words")
        assert copy.post is not None
        await office.tool.deletes(post)
        await until(lambda: copy.post.deleted, "the deleted copy")
        await office.tool.restores(post)
        await until(lambda: not copy.post.deleted and copy.post.tone is Tone.NOTE, "it is back as a note")
        await office.tool.sends(office.bea, post)
        await until(lambda: copy.post.tone is Tone.AGENT, "it is a reply after all")
        await office.channel.until(lambda: [message.text for message in office.channel.messages] == ["Pay 10"])
        await until(lambda: copy.sign is Sign.DELIVERED and office.tool.find(post).sign is Sign.DELIVERED, "both marks")
        # What is done to a copy does nothing.
        await pair.branch.deletes(copy.ref)
        await office.quiet()
        assert len(office.channel.shown(pair.jane)) == 1


async def test_a_reply_that_becomes_a_note_is_one_in_both(tmp_path: Path) -> None:
    async with mirrored(tmp_path, hold=2.0) as pair:
        office = pair.office
        first = await office.tool.says(office.bea, pair.here.ref, "She is angry")
        copy = await pair.copied("She is angry")
        await pair.branch.keeps(pair.mia, copy.ref)
        await until(lambda: copy.post and copy.post.tone is Tone.NOTE, "a note at the branch")
        await until(lambda: office.tool.find(first).sign is Sign.NOTE, "a note at the office")
        second = await office.tool.says(office.bea, pair.here.ref, "Very angry")
        copy = await pair.copied("Very angry")
        await office.tool.edits(second, "// Very, very angry")
        await until(lambda: copy.post and copy.post.tone is Tone.NOTE, "a note at the branch")
        await until(lambda: words(copy) == "Very, very angry", "as it reads now")
        await office.quiet()
        assert not office.channel.messages


async def test_reactions_are_seen_in_both(tmp_path: Path) -> None:
    async with mirrored(tmp_path) as pair:
        office = pair.office
        opening = pair.there.posts[0]
        await office.tool.reacts(office.bea, pair.here.posts[0].ref, "👍")
        await until(lambda: opening.reactions == ["👍"], "the colleague's reaction")
        await office.tool.reacts(office.bea, pair.here.posts[0].ref, "👍", added=False)
        await until(lambda: not opening.reactions, "taken back")
        await office.channel.until(lambda: [one.verb for one in office.channel.calls].count("react") == 2)
        post = await office.tool.says(office.bea, pair.here.ref, "The answer")
        copy = await pair.copied("The answer")
        await office.channel.until(lambda: len(office.channel.messages) == 1)
        await office.quiet()
        await office.channel.reacts(office.channel.messages[0].id, "❤️")
        await until(lambda: office.tool.find(post).reactions == ["❤️"], "on the agent's own post")
        await until(lambda: copy.post and copy.post.reactions == ("❤️",), "and on its copy")


async def test_quotes_and_files_are_seen_in_both(tmp_path: Path) -> None:
    async with mirrored(tmp_path) as pair:
        office = pair.office
        await office.tool.says(
            office.bea,
            pair.here.ref,
            "Look at this",
            quote=pair.here.posts[0].ref,
            files=[("map.png", "image/png", b"\x89PNG\r\n\x1a\n" + bytes(64))],
        )
        copy = await pair.copied("Look at this")
        assert copy.post is not None
        assert copy.post.quote is not None
        assert (copy.post.quote.text, copy.post.quote.post) == ("Hello", pair.there.posts[0].ref)
        await until(lambda: [post for post in pair.there.posts if post.files], "the file")
        [shown] = [post for post in pair.there.posts if post.files]
        assert shown.post is not None
        assert shown.post.content.attachments[0].problem is None
        assert len(pair.here.posts) == 2


async def test_a_reply_from_a_form_stands_in_both(tmp_path: Path) -> None:
    async with mirrored(tmp_path) as pair:
        await pair.branch.presses(pair.mia, pair.there.ref, "reply", text="From the form", key="one click")
        await pair.branch.presses(pair.mia, pair.there.ref, "reply", text="From the form", key="one click")
        await pair.both("From the form")
        await pair.office.quiet()
        assert said(pair.here).count("From the form") == said(pair.there).count("From the form") == 1
        assert [message.text for message in pair.office.channel.messages] == ["From the form"]
        names = [post.post.author.name for post in (pair.here.posts[-1], pair.there.posts[-1]) if post.post]
        assert names == ["Mia (Kiosk)", "Mia"]


async def test_a_failure_is_decided_once_in_either(database_url: str, tmp_path: Path) -> None:
    async with mirrored(tmp_path, database_url) as pair:
        office = pair.office
        office.channel.faults.order("send", PermanentFailure("No.", reason=FailureReason.BAD_CONTENT))
        await office.tool.says(office.bea, pair.here.ref, "The answer")
        [value] = await until(lambda: buttons(pair.there, "retry"), "the failure at the branch")
        assert await until(lambda: buttons(pair.here, "retry"), "the failure at the office") == [value]
        await pair.branch.presses(pair.mia, pair.there.ref, "retry", value)
        await office.channel.until(lambda: len(office.channel.messages) == 1)
        await until(lambda: [one for one in notices(pair.here) if "Mia decided" in words(one)], "said at the office")
        await office.tool.presses(office.bea, pair.here.ref, "retry", value)
        await until(lambda: [text for text in office.whispered() if text.startswith("Nothing to do")], "a private word")
        await office.quiet()
        assert [message.text for message in office.channel.messages] == ["The answer"]
        assert not [one for one in notices(pair.there) if "decided" in words(one)]


async def test_a_closed_room_does_not_hold_up_the_other(tmp_path: Path) -> None:
    async with mirrored(tmp_path) as pair:
        office, branch = pair.office, pair.branch
        refused = DestinationUnavailable("The app was removed.")
        branch.faults.stand("post", refused)
        branch.faults.stand("update_opening", refused)
        branch.closed.add(COUNTER.room)
        await office.channel.writes(pair.jane, "Anybody?")
        await until(lambda: "Anybody?" in said(pair.here), "shown at the office")
        await until(office.app.troubles.listing, "the operator is told")
        await office.tool.says(office.bea, pair.here.ref, "Yes")
        await office.channel.until(lambda: len(office.channel.messages) == 1)
        await office.channel.writes(pair.jane, "Good")
        await until(lambda: "Good" in said(pair.here), "shown at the office")
        assert [trouble.source for trouble in office.app.troubles.listing()] == [f"{BRANCH}/{COUNTER.room}"]
        branch.faults.clear()
        branch.closed.clear()
        await until(lambda: said(pair.there)[-3:] == ["Anybody?", "Yes", "Good"], "what waited, in order")


async def test_one_person_in_two_workplaces_is_one_owner(database_url: str, tmp_path: Path) -> None:
    async with mirrored(tmp_path, database_url) as pair:
        office, desk = pair.office, pair.office.app.desk
        mia_here = AgentProfile(workspace=SHOP, agent_id="mia", name="Mia M.", email="Mia@shop.example")
        await desk.act(pair.there.ref, pair.mia, "claim", key="1")
        assert [item.title for item in (await desk.queue(mia_here)).mine] == ["Jane · #1001"]
        await desk.act(pair.here.ref, mia_here, "claim", key="2")
        await office.quiet()
        assert (await office.rows(conversations))[0].owner == f"{BRANCH}/{pair.mia.agent_id}"
        strangers = (
            replace(mia_here, email=""),
            replace(mia_here, email="bea@shop.example"),
            replace(pair.mia, agent_id="A99"),
        )
        for stranger in strangers:
            assert not (await desk.queue(stranger)).mine


async def test_a_lock_to_the_owner_knows_her_in_both(tmp_path: Path) -> None:
    locked = (RouteSettings(name="both", rooms=(f"{SHOP}/R1", f"{BRANCH}/R1"), lock_to_owner=True),)
    branch = FakeWorkspace("kiosk", workspace=BRANCH)
    async with open_office(tmp_path, branch=branch, routes=locked) as office:
        mia = branch.agent("Mia", email="mia@shop.example")
        mia_here = AgentProfile(workspace=SHOP, agent_id="mia", name="Mia M.", email="mia@shop.example")
        office.tool.people["mia"] = mia_here
        here = await office.opened(office.channel.customer("Jane"))
        [there] = await until(lambda: branch.threads, "the thread at the branch")
        await office.quiet()
        await branch.says(mia, there.ref, "Mine")
        await office.channel.until(lambda: len(office.channel.messages) == 1)
        await office.tool.says(office.bea, here.ref, "Not mine")
        await until(office.whispered, "a private word")
        await office.tool.says(mia_here, here.ref, "Mine too")
        await office.channel.until(lambda: len(office.channel.messages) == 2)
        await office.quiet()
        assert [message.text for message in office.channel.messages] == ["Mine", "Mine too"]
        assert [row.direction for row in await office.rows(messages)] == ["in", "out", "note", "out"]


async def test_a_room_that_moves_is_linked_anew(tmp_path: Path) -> None:
    async with mirrored(tmp_path) as pair:
        await until(lambda: [one for one in pair.here.card.links if one.url], "the address")
        await pair.branch.changes(COUNTER, RoomChange.RENAMED, "help")
        await pair.office.app.desk.act(pair.here.ref, pair.office.bea, "claim", key="1")
        await until(lambda: [one.label for one in pair.here.card.links] == ["Also in branch/#help"], "its new name")
        assert SUPPORT.room == COUNTER.room
