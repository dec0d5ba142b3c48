"""A workplace whose opening holds the first message, and one that shows a preview of it and the message below."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.contracts.errors import OutcomeUnknown
from core.conversations.threads import post_links
from core.quarantine.models import quarantine
from core.testing.fakes import EVERYTHING, FakeChannel, FakeThread, FakeWorkspace
from tests.core.office import SHOP, SUPPORT, Office, open_office, said, until

LONG = ("My order is late. " * 40).strip()


def preview_tool(**more: bool) -> FakeWorkspace:
    return FakeWorkspace("office", workspace=SHOP, opening_holds_message=False, **more)


async def _opened(office: Office, text: str) -> FakeThread:
    await office.channel.writes(office.channel.customer("Jane"), text)
    await until(lambda: office.tool.threads and len(office.tool.threads[0].posts) > 1, "the message below")
    await office.quiet()
    return office.tool.threads[0]


async def test_the_message_follows_its_preview(database_url: str, tmp_path: Path) -> None:
    async with open_office(tmp_path, database_url, tool=preview_tool()) as office:
        jane = office.channel.customer("Jane")
        await office.channel.writes(jane, LONG, files=[("order.txt", "text/plain", b"one lamp")])
        await until(lambda: office.tool.threads and len(office.tool.threads[0].posts) == 3, "message and file")
        await office.channel.writes(jane, "Hello?")
        [thread] = office.tool.threads
        await until(lambda: "Hello?" in said(thread), "the second message")
        await office.quiet()
        opening, first, _file, second = said(thread)
        assert opening.startswith("My order is late.")
        assert len(opening) <= 101
        assert (first, second) == (LONG, "Hello?")
        assert [post.files for post in thread.posts if post.files] == [(b"one lamp",)]
        # The opening is nobody's message: an answer to it quotes nothing, an edit of the message is one of its post.
        linked = {row.post for row in await office.rows(post_links)}
        assert linked == {post.ref.post for post in thread.posts[1:]}


async def test_the_preview_changes_with_its_message(tmp_path: Path) -> None:
    async with open_office(tmp_path, tool=preview_tool()) as office:
        jane = office.channel.customer("Jane")
        message = await office.channel.writes(jane, "Two lamps")
        await until(lambda: office.tool.threads and len(office.tool.threads[0].posts) == 2, "the message")
        [thread] = office.tool.threads
        await office.quiet()
        await office.channel.edits(message, "Three lamps")
        await until(lambda: said(thread) == ["Three lamps", "Three lamps"], "both changed")
        await office.channel.deletes(message)
        await until(lambda: all(post.post and post.post.deleted for post in thread.posts), "both gone")
        assert len(thread.posts) == 2


@pytest.mark.parametrize("echoes", [True, False])
@pytest.mark.parametrize("verb", ["open_thread", "post"])
async def test_a_lost_answer_loses_and_doubles_nothing(tmp_path: Path, verb: str, echoes: bool) -> None:
    async with open_office(tmp_path, tool=preview_tool(echoes=echoes)) as office:
        office.tool.faults.order(verb, OutcomeUnknown("The answer was lost.", retry_after=0.1), after=True)
        thread = await _opened(office, "Hello")
        assert len(office.tool.threads) == 1
        assert said(thread) == ["Hello", "Hello"]
        assert not await office.rows(quarantine)


@pytest.mark.parametrize("verb", ["open_thread", "post"])
async def test_a_request_that_never_arrived_is_made_again(tmp_path: Path, verb: str) -> None:
    async with open_office(tmp_path, tool=preview_tool(echoes=False)) as office:
        office.tool.faults.order(verb, OutcomeUnknown("The request was lost.", retry_after=0.1))
        thread = await _opened(office, "Hello")
        assert len(office.tool.threads) == 1
        assert said(thread) == ["Hello", "Hello"]


@pytest.mark.parametrize(("verb", "after"), [("open_thread", True), ("post", False), ("post", True)])
async def test_a_process_that_ends_between_opening_and_message(tmp_path: Path, verb: str, after: bool) -> None:
    """The next one finds by their keys what stands, and goes on from there."""
    tool, channel = preview_tool(echoes=False), FakeChannel("line", capabilities=EVERYTHING)
    cut_off = OutcomeUnknown("The process ended.", retry_after=0.5)
    async with open_office(tmp_path, tool=tool, channel=channel) as office:
        tool.faults.order(verb, cut_off, after=after)
        await channel.writes(channel.customer("Jane"), "Hello")
        await until(
            lambda: (verb, SUPPORT.room) in tool.calls or "post" in [call for call, _ in tool.calls], "the call"
        )
    assert not tool.calls or tool.calls[-1][0] == verb
    async with open_office(tmp_path, tool=tool, channel=channel) as office:
        await until(lambda: [said(thread) for thread in tool.threads] == [["Hello", "Hello"]], "one of each")
        await office.quiet()
        assert [said(thread) for thread in tool.threads] == [["Hello", "Hello"]]


async def test_what_a_press_is_answered_with(database_url: str, tmp_path: Path) -> None:
    for tool in (preview_tool(), FakeWorkspace("office", workspace=SHOP)):
        folder = tmp_path / str(tool.opening_holds_message)
        folder.mkdir()
        database = database_url if tool.opening_holds_message else ""
        async with open_office(folder, database, tool=tool) as office:
            await office.channel.writes(office.channel.customer("Jane"), "Hello")
            await until(lambda tool=tool: tool.threads, "the thread")
            await office.quiet()
            [thread] = tool.threads
            lunch = tool.begins(office.bea, SUPPORT)
            assert await office.app.desk.shows(thread.ref)
            assert not await office.app.desk.shows(lunch)
            assert await office.app.desk.opening(lunch) is None
            await office.app.desk.act(thread.ref, office.bea, "claim", key="click")
            opening = await office.app.desk.opening(thread.ref)
            assert opening is not None
            card, first = opening
            assert card.status == "Claimed by Bea"
            drawn = await until(lambda thread=thread, card=card: card == thread.card and thread.posts[0].post, "card")
            assert drawn.key == first.key


async def test_a_thread_that_is_being_opened_may_be_shown(tmp_path: Path) -> None:
    async with open_office(tmp_path, tool=preview_tool(echoes=False)) as office:
        held = office.tool.faults.hold("open_thread")
        await office.channel.writes(office.channel.customer("Jane"), "Hello")
        await held.reached()
        unknown = office.tool.begins(office.bea, SUPPORT)
        assert await office.app.desk.shows(unknown)
        held.release()
        await until(lambda: len(office.tool.threads) == 2, "the thread")
        await office.quiet()
        assert not await office.app.desk.shows(unknown)


@pytest.mark.parametrize("lost", [False, True])
async def test_a_picture_without_words_opens_a_thread(tmp_path: Path, lost: bool) -> None:
    async with open_office(tmp_path, tool=preview_tool(echoes=False)) as office:
        if lost:
            office.tool.faults.order("open_thread", OutcomeUnknown("Lost.", retry_after=0.1), after=True)
        png = b"\x89PNG\r\n\x1a\n" + bytes(64)
        await office.channel.writes(office.channel.customer("Jane"), files=[("cat.png", "image/png", png)])
        await until(lambda: office.tool.threads and len(office.tool.threads[0].posts) == 2, "the picture")
        await office.quiet()
        [thread] = office.tool.threads
        assert said(thread) == ["📎 cat.png", ""]
        assert [post.files for post in thread.posts] == [(), (png,)]
