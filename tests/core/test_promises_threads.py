"""What agents see and do in threads: always true, never silent, and only theirs to decide who may."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from core.app.app import App
from core.contracts.errors import FailureReason, OutcomeUnknown, PermanentFailure
from core.contracts.places import PostRef, RoomRef
from core.contracts.workplace import RoomChange, Sign
from core.conversations.events import events
from core.conversations.models import conversations
from core.conversations.threads import thread_links
from core.quarantine.models import quarantine
from core.settings.models import RouteSettings
from core.storage.ids import new_id
from core.testing.fakes import FakeWorkspace, installed
from tests.core.office import SHOP, SUPPORT, Office, notices, open_office, said, until, words


async def test_a_workspace_that_left_the_settings_does_not_swallow_messages(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        jane = office.channel.customer("Jane")
        await office.opened(jane)
        channel, tool = office.channel, office.tool

        def gone(connection: Connection) -> None:
            connection.execute(thread_links.update().values(workspace="old", place="old:R1:x"))

        await office.app.storage.write(gone)
        await channel.writes(jane, "Still there?")
        await until(lambda: len(tool.threads) == 2, "a thread where somebody sees it")
        await office.quiet()
        assert said(tool.threads[1]) == ["Still there?"]
        assert not await office.rows(quarantine)


async def test_an_edit_while_the_message_is_being_posted_is_shown(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        held = office.tool.faults.hold("post")
        message = await office.channel.writes(jane, "tomorow")
        await held.reached()
        await office.channel.edits(message, "tomorrow")
        await office.handed_over()
        held.release()
        await until(lambda: said(thread)[-1] == "tomorrow", "the edited words")


def _is_note(office: Office, post: PostRef) -> bool:
    return office.tool.find(post).sign is Sign.NOTE


async def _more(office: Office, count: int, **values: Any) -> None:
    """Further conversations of other contacts, like the first but for these values, and busier."""

    def add(connection: Connection) -> None:
        [row] = connection.execute(conversations.select()).mappings()
        for number in range(count):
            fresh = {"number": 5000 + number, "id": new_id(), "token": f"t{number}", "open_key": None}
            later = {"last_in_at": row["last_in_at"] + timedelta(seconds=number + 1)}
            connection.execute(conversations.insert().values(**{**row, **fresh, **later, **values}))

    await office.app.storage.write(add)


async def test_who_waits_longest_is_in_the_queue(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        await office.opened(office.channel.customer("First"))
        await _more(office, 120)
        queue = await office.app.desk.queue(office.bea)
        assert queue.waiting[0].title == "First · #1001"


async def test_ones_own_open_conversations_stay_in_the_queue(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        thread = await office.opened(office.channel.customer("First"))
        await office.tool.presses(office.bea, thread.ref, "claim")
        await office.quiet()
        await _more(office, 120, state="closed")
        queue = await office.app.desk.queue(office.bea)
        assert [item.title for item in queue.mine] == ["First · #1001"]


async def test_a_guest_takes_back_nobodys_reply(tmp_path: Path) -> None:
    async with open_office(tmp_path, hold=0.6) as office:
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        post = await office.tool.says(office.bea, thread.ref, "The answer")
        await office.handed_over()
        await office.tool.keeps(office.guest, post)
        await office.channel.until(lambda: len(office.channel.messages) == 1)
        assert [whisper.agent for whisper in office.tool.whispers] == ["gil"]


async def test_a_guests_command_is_answered(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        thread = await office.opened(office.channel.customer("Jane"))
        await office.tool.says(office.guest, thread.ref, "!resolve")
        await until(office.whispered, "a word to the guest")
        assert [row.state for row in await office.rows(conversations)] == ["open"]


async def test_a_command_with_a_typo_stays_among_agents(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        thread = await office.opened(office.channel.customer("Jane"))
        for text in ("!resolve.", "!claim, please", "! note she is rude"):
            post = await office.tool.says(office.bea, thread.ref, text)
            await until(partial(_is_note, office, post), text)
        await office.quiet()
        assert not office.channel.messages


async def test_a_held_reply_that_is_edited_into_a_command_does_not_leave(tmp_path: Path) -> None:
    async with open_office(tmp_path, hold=1.0) as office:
        thread = await office.opened(office.channel.customer("Jane"))
        post = await office.tool.says(office.bea, thread.ref, "resolve")
        await office.handed_over()
        await office.tool.edits(post, "!resolve")
        await until(lambda: office.tool.find(post).sign is Sign.NOTE, "the note")
        await office.quiet()
        assert not office.channel.messages


async def test_a_copy_that_is_deleted_elsewhere_takes_nothing_from_the_customer(tmp_path: Path) -> None:
    both = (RouteSettings(name="both", rooms=(f"{SHOP}/R1", f"{SHOP}/R2")),)
    tool = FakeWorkspace("office", workspace=SHOP)
    tool.room_names["R2"] = "mirror"
    async with open_office(tmp_path, tool=tool, routes=both) as office:
        jane = office.channel.customer("Jane")
        await office.channel.writes(jane, "Hello")
        await until(lambda: len(office.tool.threads) == 2, "both threads")
        await office.quiet()
        mine, other = sorted(office.tool.threads, key=lambda thread: thread.ref.room)
        await office.tool.says(office.bea, mine.ref, "The answer")
        await until(lambda: "The answer" in said(other), "the copy")
        await office.channel.until(lambda: len(office.channel.messages) == 1)
        await office.quiet()
        await office.tool.deletes(other.posts[-1].ref)
        await office.quiet()
        assert len(office.channel.shown(jane)) == 1


async def test_the_operators_are_told_when_their_room_is_back(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        thread = await office.opened(office.channel.customer("Jane"))
        await office.tool.changes(SUPPORT, RoomChange.CLOSED, "It was archived.")
        await until(office.app.troubles.listing, "the trouble")
        await office.quiet()
        await office.tool.changes(SUPPORT, RoomChange.OPENED)
        told = await until(
            lambda: [text for one in office.tool.threads if one is not thread for text in said(one)], "the alert"
        )
        assert told[0] == "It was archived."


async def test_an_edit_that_cannot_be_shown_is_told(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        message = await office.channel.writes(jane, "10")
        await until(lambda: len(thread.posts) == 2, "the message")
        await office.quiet()
        office.tool.faults.order("edit", PermanentFailure("Too old.", reason=FailureReason.BAD_CONTENT))
        await office.channel.edits(message, "100")
        await until(lambda: notices(thread), "a sentence in the thread")
        assert "Too old." in words(notices(thread)[0])


async def test_a_room_that_was_renamed_while_it_was_closed_gets_what_waited(tmp_path: Path) -> None:
    named = (RouteSettings(name="named", rooms=(f"{SHOP}/#later",)),)
    async with open_office(tmp_path, routes=named) as office:
        jane = office.channel.customer("Jane")
        await office.channel.writes(jane, "Hello")
        await until(office.app.troubles.listing, "no such room yet")
        office.tool.room_names["R7"] = "later"
        [thread] = await until(lambda: [one for one in office.tool.threads if one.ref.room == "R7"], "the thread")
        await office.quiet()
        await office.tool.changes(RoomRef(workspace=SHOP, room="R7"), RoomChange.RENAMED, "help")
        await office.quiet()
        office.tool.closed.add("R7")
        await office.channel.writes(jane, "Anybody?")
        await until(lambda: office.app.troubles.listing(), "the closed room")
        office.tool.closed.discard("R7")
        await until(lambda: "Anybody?" in said(thread), "what waited")


async def test_two_processes_decide_one_thing_once(tmp_path: Path, postgres_url: str) -> None:
    """Claims and reopenings at the same moment, on two replicas of one database."""
    async with open_office(tmp_path, postgres_url) as office:
        with installed(office.channel.spec, office.tool.spec):
            async with App(office.app.settings) as other:
                for number in range(8):
                    jane = office.channel.customer(f"Jane{number}")
                    thread = await office.opened(jane)
                    await asyncio.gather(
                        office.app.desk.act(thread.ref, office.bea, "claim", key=f"a{number}"),
                        other.desk.act(thread.ref, office.omar, "claim", key=f"b{number}"),
                    )
                    await office.app.desk.act(thread.ref, office.bea, "resolve", key=f"c{number}")
                    raws = [
                        office.channel._update(
                            "message",
                            customer={"external_id": jane.id, "name": jane.name},
                            message=f"{jane.id}/more-{one}",
                            text=f"More {one}?",
                            attachments=[],
                        )
                        for one in range(2)
                    ]
                    await asyncio.gather(office.app.take("line", raws[0]), other.take("line", raws[1]))
        kinds = [row.kind for row in await office.rows(events)]
        assert (kinds.count("claimed"), kinds.count("reopened"), kinds.count("opened")) == (8, 8, 8)
        assert not await office.rows(quarantine)
        assert {row.state for row in await office.rows(conversations)} == {"open"}


async def test_a_reply_in_a_thread_that_is_not_known_to_stand_yet(database_url: str, tmp_path: Path) -> None:
    """The call that opened it was cut off: the agent sees the thread before we know that it is there."""
    async with open_office(tmp_path, database_url) as office:
        jane = office.channel.customer("Jane")
        lost = OutcomeUnknown("The answer was lost.", retry_after=1)
        office.tool.faults.order("open_thread", lost, after=True)
        await office.channel.writes(jane, "Hello")
        [thread] = await until(lambda: office.tool.threads, "the thread")
        await office.tool.says(office.bea, thread.ref, "The answer")
        await office.channel.until(lambda: len(office.channel.messages) == 1)
        await office.quiet()
        assert [message.text for message in office.channel.messages] == ["The answer"]
        assert len(office.tool.threads) == 1
        lunch = office.tool.begins(office.bea, SUPPORT)
        await office.tool.says(office.omar, lunch, "Yes")
        await office.quiet()
        assert not await office.rows(quarantine)
