"""What an agent does to her message reaches us before the message itself: nothing of it is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from core.contracts.content import Content
from core.contracts.places import PostRef
from core.contracts.text import from_plain
from core.contracts.workplace import Standing
from core.conversations.models import messages
from tests.core.office import FakeThread, Office, open_office, until


def _post(thread: FakeThread) -> PostRef:
    ref = thread.ref
    return PostRef(workspace=ref.workspace, room=ref.room, thread=ref.thread, post="late-1")


def _content(text: str) -> Content:
    return Content(body=from_plain(text))


async def _hears(office: Office, post: PostRef, text: str) -> None:
    await office.app.desk.said(post, office.bea, _content(text), at=datetime.now(UTC))


async def test_an_edit_that_comes_first_is_what_the_customer_reads(database_url: str, tmp_path: Path) -> None:
    async with open_office(tmp_path, database_url) as office:
        post = _post(await office.opened(office.channel.customer("Jane")))
        await office.app.desk.revised(post, _content("We have greem tea"))
        await office.app.desk.revised(post, _content("We have green tea"))
        await _hears(office, post, "We have gren tea")
        await office.channel.until(lambda: [one.text for one in office.channel.messages] == ["We have green tea"])
        await _hears(office, post, "We have gren tea")
        await office.quiet()
        assert [one.text for one in office.channel.messages] == ["We have green tea"]


async def test_an_edit_that_makes_a_note_of_it_comes_first(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        post = _post(await office.opened(office.channel.customer("Jane")))
        await office.app.desk.revised(post, _content("// not for her"))
        await _hears(office, post, "not for her")
        await office.quiet()
        assert not office.channel.messages
        assert [row.direction for row in await office.rows(messages)] == ["in", "note"]


async def test_make_a_note_that_comes_first_holds_the_reply_back(database_url: str, tmp_path: Path) -> None:
    async with open_office(tmp_path, database_url) as office:
        post = _post(await office.opened(office.channel.customer("Jane")))
        await office.app.desk.keep(post, office.bea)
        await _hears(office, post, "Better not")
        await until(lambda: [text for text in office.whispered() if "Kept as a note" in text], "a word to the agent")
        await office.quiet()
        assert not office.channel.messages


async def test_make_a_note_says_why_it_does_nothing(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        thread = await office.opened(office.channel.customer("Jane"))
        await office.app.desk.keep(replace(_post(thread), post=thread.ref.thread), office.bea)
        await until(lambda: [text for text in office.whispered() if "the customer's own" in text], "whose it is")
        command = _post(thread)
        await _hears(office, command, "!who")
        await office.app.desk.keep(command, office.bea)
        await until(lambda: [text for text in office.whispered() if "not on its way" in text], "that nothing is done")


async def test_what_is_edited_elsewhere_is_not_kept(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        thread = await office.opened(office.channel.customer("Jane"))
        elsewhere = replace(_post(thread), thread="of-nobody")
        await office.app.desk.revised(elsewhere, _content("private words"))
        here = replace(elsewhere, thread=thread.ref.thread)
        await _hears(office, here, "Hello")
        await office.channel.until(lambda: [one.text for one in office.channel.messages] == ["Hello"])


async def test_an_outsiders_early_edit_is_a_note_as_her_message_is(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        post = _post(await office.opened(office.channel.customer("Jane")))
        await office.app.desk.revised(post, _content("I edit"))
        outsider = replace(office.bea, standing=Standing.OUTSIDER)
        await office.app.desk.said(post, outsider, _content("I write"), at=datetime.now(UTC))
        await office.quiet()
        assert not office.channel.messages
