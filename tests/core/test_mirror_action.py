"""Showing a conversation in one more room: by button or command, with what was said so far, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.contracts.errors import (
    DestinationUnavailable,
    FailureReason,
    OutcomeUnknown,
    PermanentFailure,
    TemporaryFailure,
)
from core.contracts.places import RoomRef
from core.contracts.posts import Tone
from core.contracts.richtext import Link, Paragraph
from core.contracts.workplace import RoomChange
from core.conversations.threads import thread_links
from core.quarantine.models import quarantine
from core.routing import rooms
from core.testing.fakes import FakePost, FakeThread, FakeWorkspace
from tests.core.office import BRANCH, COUNTER, SHOP, Office, buttons, notices, open_office, said, until, words

CLOSED = RoomRef(workspace=BRANCH, room="R2")
AT_THE_COUNTER = [("room", f"{BRANCH}/{COUNTER.room}")]


def kiosk(**more: bool) -> FakeWorkspace:
    return FakeWorkspace("kiosk", workspace=BRANCH, **more)


async def _known(office: Office) -> None:
    """As if the second workspace had answered already which rooms it has."""
    await office.app.storage.write(lambda connection: rooms.change_room(connection, COUNTER, name="counter"))


async def _mirrored(branch: FakeWorkspace, count: int) -> FakeThread:
    await until(lambda: branch.threads and len(branch.threads[0].posts) >= count, "what was said so far")
    return branch.threads[0]


def _links(post: FakePost) -> list[str]:
    assert post.post is not None
    [paragraph] = post.post.content.body.blocks
    assert isinstance(paragraph, Paragraph)
    return [inline.url for inline in paragraph.inlines if isinstance(inline, Link)]


@pytest.mark.parametrize("holds", [True, False])
async def test_what_was_said_so_far_is_brought_along(database_url: str, tmp_path: Path, holds: bool) -> None:
    branch = kiosk(opening_holds_message=holds)
    async with open_office(tmp_path, database_url, branch=branch) as office:
        jane = office.channel.customer("Jane")
        here = await office.opened(jane)
        await _known(office)
        await office.tool.says(office.bea, here.ref, "// an old customer")
        await office.tool.says(office.bea, here.ref, "The answer")
        await office.channel.until(lambda: len(office.channel.messages) == 1)
        await office.channel.writes(jane, "Look", files=[("lamp.txt", "text/plain", b"a lamp")])
        await until(lambda: [post for post in here.posts if post.files], "the file")
        gone = await office.tool.says(office.bea, here.ref, "// a mistake")
        await office.quiet()
        await office.tool.deletes(gone)
        await office.quiet()
        before = len(here.posts)
        await office.tool.presses(office.bea, here.ref, "mirror", fields=AT_THE_COUNTER, key="click")
        await office.tool.presses(office.bea, here.ref, "mirror", fields=AT_THE_COUNTER, key="click")
        await office.tool.presses(office.omar, here.ref, "mirror", fields=AT_THE_COUNTER)
        there = await _mirrored(branch, 5 if holds else 6)
        await until(lambda: len(here.posts) > before, "a word in the first thread")
        await office.quiet()
        [name, note, answer, look, file] = said(there)[0 if holds else 1 :]
        assert (name, note, answer, look) == ("Hello", "an old customer", "The answer", "Look")
        assert there.posts[-1].files == (b"a lamp",)
        assert not file
        authors = [post.post.author.name for post in there.posts if post.post][-4:]
        assert authors == ["Bea (Office)", "Bea (Office)", "Jane (Line)", "Jane (Line)"]
        assert len(branch.threads) == 1
        assert office.whispered() == ["It is shown in branch/#counter already."]
        [told] = [post for post in notices(here) if "Also shown" in words(post)]
        assert words(told).startswith("Also shown in branch/#counter (")
        assert _links(told) == [f"https://fake.example/R1/{there.ref.thread}"]
        assert here.posts[-1] is told
        # From here on it is one conversation.
        await branch.says(branch.agent("Mia"), there.ref, "I know her")
        await until(lambda: "I know her" in said(here), "the colleague's words")
        await office.channel.writes(jane, "Thanks, and?")
        await until(lambda: "Thanks, and?" in said(here) and "Thanks, and?" in said(there), "her next words")
        await until(lambda: [link.label for link in here.card.links] == ["Also in branch/#counter"], "on the card")
        assert not await office.rows(quarantine)


async def test_the_form_offers_the_rooms_that_do_not_show_it(tmp_path: Path) -> None:
    branch = kiosk()
    branch.room_names |= {"R2": "closed", "R3": "third"}
    async with open_office(tmp_path, branch=branch) as office:
        here = await office.opened(office.channel.customer("Jane"))
        await until(lambda: "mirror" in {action.id for action in here.card.actions}, "the button")
        await branch.changes(CLOSED, RoomChange.CLOSED, "Archived.")
        await office.quiet()
        form = await office.app.desk.form(here.ref, office.bea, "mirror", "")
        assert form is not None
        [field] = form.fields
        assert {(option.value, option.label) for option in field.options} == {
            ("branch/R1", "branch/#counter"),
            ("branch/R3", "branch/#third"),
        }
        assert await office.app.desk.form(here.ref, office.guest, "mirror", "") is None
        await until(office.whispered, "a word to the guest")


async def test_with_one_room_there_is_no_button(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        here = await office.opened(office.channel.customer("Jane"))
        await until(lambda: "mirror" not in {action.id for action in here.card.actions}, "no button")
        await office.tool.asks(office.bea, here.ref, "mirror")
        await until(office.whispered, "why not")
        assert office.whispered() == ["Every room that I can post in shows it already."]


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("!mirror branch/#counter", ""),
        ("!mirror branch/counter", ""),
        ("!mirror branch/R1", ""),
        ("!mirror", "There is no room without its name"),
        ("!mirror branch/#nowhere", "There is no room “branch/#nowhere” that I can post in."),
        ("!mirror elsewhere/#counter", "There is no room “elsewhere/#counter” that I can post in."),
        ("!mirror #support", "It is shown in shop/#support already."),
        ("!mirror branch/#closed", "Nothing can be shown in branch/#closed now: Archived."),
    ],
)
async def test_the_command_names_a_room(tmp_path: Path, typed: str, answer: str) -> None:
    branch = kiosk()
    branch.room_names["R2"] = "closed"
    async with open_office(tmp_path, branch=branch) as office:
        here = await office.opened(office.channel.customer("Jane"))
        await _known(office)
        branch.closed.add("R2")
        await office.app.desk.room_changed(CLOSED, RoomChange.CLOSED, "Archived.")
        await office.tool.says(office.bea, here.ref, typed)
        if answer:
            await until(office.whispered, "an answer")
            assert office.whispered()[0].startswith(answer)
            assert not branch.threads
        else:
            assert said(await _mirrored(branch, 1)) == ["Hello"]
        await office.quiet()
        assert not office.channel.messages


async def test_of_a_long_conversation_the_latest_are_brought(tmp_path: Path) -> None:
    branch = kiosk()
    async with open_office(tmp_path, branch=branch) as office:
        jane = office.channel.customer("Jane")
        here = await office.opened(jane)
        for number in range(60):
            await office.channel.writes(jane, f"Line {number}")
        await until(lambda: "Line 59" in "\n".join(said(here)), "all of it")
        await office.quiet()
        await office.app.desk.act(here.ref, office.bea, "mirror", key="1", fields=AT_THE_COUNTER)
        there = await until(lambda: branch.threads and branch.threads[0], "the thread")
        await until(lambda: "Line 59" in said(there)[-1].splitlines(), "the latest")
        shown = "\n".join(said(there)).splitlines()
        assert shown[0] == "Hello"
        assert shown[1].startswith("10 earlier messages stand between these two: read them in shop/#support (")
        assert shown[2:] == [f"Line {number}" for number in range(10, 60)]
        assert _links(there.posts[1]) == [f"https://fake.example/R1/{here.ref.thread}"]


async def test_a_room_that_turns_out_closed_holds_the_mirror(tmp_path: Path) -> None:
    branch = kiosk()
    async with open_office(tmp_path, branch=branch) as office:
        jane = office.channel.customer("Jane")
        here = await office.opened(jane)
        branch.closed.add(COUNTER.room)
        branch.faults.stand("open_thread", DestinationUnavailable("The channel was deleted."))
        await office.app.desk.act(here.ref, office.bea, "mirror", key="1", fields=AT_THE_COUNTER)
        [trouble] = await until(office.app.troubles.listing, "the operator is told")
        assert (trouble.source, trouble.sentence) == (f"{BRANCH}/{COUNTER.room}", "The channel was deleted.")
        await office.channel.writes(jane, "And?")
        await until(lambda: "And?" in said(here), "the first thread goes on")
        assert not notices(here)
        branch.faults.clear()
        branch.closed.clear()
        await until(lambda: branch.threads and said(branch.threads[0]) == ["Hello", "And?"], "what waited")
        await until(lambda: len(notices(here)) == 1, "now it is")


async def test_a_lost_answer_opens_one_mirror_and_says_so_once(tmp_path: Path) -> None:
    branch = kiosk(echoes=False)
    async with open_office(tmp_path, branch=branch) as office:
        here = await office.opened(office.channel.customer("Jane"))
        branch.faults.order("open_thread", OutcomeUnknown("The answer was lost.", retry_after=0.1), after=True)
        await office.app.desk.act(here.ref, office.bea, "mirror", key="1", fields=AT_THE_COUNTER)
        await until(lambda: notices(here), "a word in the first thread")
        await office.quiet()
        assert [said(thread) for thread in branch.threads] == [["Hello"]]
        [told] = notices(here)
        assert told.post is not None
        assert told.post.tone is Tone.NOTICE
        assert words(told).startswith("Also shown in branch/#counter (")
        assert [row.added_by for row in await office.rows(thread_links)] == ["", "Bea"]


async def test_a_failed_reply_can_be_decided_in_the_new_thread(tmp_path: Path) -> None:
    branch = kiosk()
    async with open_office(tmp_path, branch=branch) as office:
        here = await office.opened(office.channel.customer("Jane"))
        office.channel.faults.order("send", PermanentFailure("The mailbox is full.", reason=FailureReason.POLICY))
        await office.tool.says(office.bea, here.ref, "The answer")
        await until(lambda: buttons(here, "retry"), "the failure")
        await office.app.desk.act(here.ref, office.bea, "mirror", key="1", fields=AT_THE_COUNTER)
        there = await _mirrored(branch, 3)
        [value] = buttons(there, "retry")
        assert said(there)[-1] == "“The answer” is not known to have reached the customer: The mailbox is full."
        await branch.presses(branch.agent("Mia"), there.ref, "retry", value)
        await office.channel.until(lambda: [message.text for message in office.channel.messages] == ["The answer"])
        await until(lambda: [one for one in notices(here) if "Mia decided" in words(one)], "said in the first thread")


async def test_a_thread_without_an_address_is_named(tmp_path: Path) -> None:
    branch = kiosk()
    branch.faults.stand("permalink", TemporaryFailure("Not now."))
    async with open_office(tmp_path, branch=branch) as office:
        here = await office.opened(office.channel.customer("Jane"))
        await _known(office)
        await office.app.desk.act(here.ref, office.bea, "mirror", key="1", fields=AT_THE_COUNTER)
        [told] = await until(lambda: notices(here), "a word in the first thread")
        assert words(told) == "Also shown in branch/#counter."
        await until(lambda: [one.label for one in here.card.links] == ["Also in branch/#counter"], "on the card")
        assert here.card.links[0].url == ""
        branch.faults.clear()
        await office.app.desk.act(here.ref, office.bea, "claim", key="2")
        await until(lambda: here.card.links[0].url, "its address, when it is known")


async def test_a_second_room_of_one_workspace(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        second = RoomRef(workspace=SHOP, room="R2")
        office.tool.room_names["R2"] = "second"
        await office.app.storage.write(lambda connection: rooms.change_room(connection, second, name="second"))
        here = await office.opened(office.channel.customer("Jane"))
        await office.tool.says(office.bea, here.ref, "!mirror #second")
        there = await until(lambda: next((one for one in office.tool.threads if one.ref.room == "R2"), None), "it")
        await office.quiet()
        await office.tool.says(office.bea, here.ref, "The answer")
        await until(lambda: said(there) == ["Hello", "The answer"], "the copy")
        assert there.posts[-1].post is not None
        assert there.posts[-1].post.author.name == "Bea"
        await until(lambda: [one.thread for one in here.card.links] == [there.ref], "on the card")
