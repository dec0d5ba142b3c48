"""What an agent deleted and brought back: true in every thread, and never sent by itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.contracts.content import Content
from core.contracts.errors import FailureReason, PermanentFailure, TemporaryFailure
from core.contracts.text import from_plain
from core.contracts.workplace import Sign
from core.conversations.models import messages
from core.outbox.models import State, outbox
from core.testing.fakes import EVERYTHING, FakeChannel
from tests.core.office import Office, open_office, until


async def _directions(office: Office) -> list[str]:
    return [row.direction for row in await office.rows(messages)]


async def test_a_reply_that_was_deleted_in_time_comes_back_as_a_note(database_url: str, tmp_path: Path) -> None:
    async with open_office(tmp_path, database_url, hold=0.5) as office:
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        post = await office.tool.says(office.bea, thread.ref, "The answer")
        await office.handed_over()
        await office.tool.deletes(post)
        await until(lambda: [text for text in office.whispered() if "did not get it" in text], "deleted in time")
        await office.tool.restores(post)
        await until(lambda: [text for text in office.whispered() if "Restored here" in text], "a word to the agent")
        assert "the customer does not have it; choose “Send to customer”" in office.whispered()[-1]
        await until(lambda: office.tool.find(post).sign is Sign.NOTE, "the mark of a note")
        await office.tool.restores(post)
        await office.quiet()
        assert await _directions(office) == ["in", "note"]
        assert not office.channel.messages
        assert len([text for text in office.whispered() if "Restored" in text]) == 1
        # Only her own choice sends it.
        await office.tool.sends(office.bea, post)
        await office.channel.until(lambda: [message.text for message in office.channel.messages] == ["The answer"])
        await until(lambda: office.tool.find(post).sign is Sign.DELIVERED, "the mark")


async def test_a_reply_that_was_taken_back_comes_back_as_a_note(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        post = await office.tool.says(office.bea, thread.ref, "The answer")
        await office.channel.until(lambda: len(office.channel.shown(jane)) == 1)
        await office.quiet()
        await office.tool.deletes(post)
        await office.channel.until(lambda: not office.channel.shown(jane))
        await office.quiet()
        await office.tool.restores(post)
        await until(lambda: office.tool.find(post).sign is Sign.NOTE, "the mark of a note")
        await office.quiet()
        assert not office.channel.shown(jane)
        await office.tool.sends(office.bea, post)
        await office.channel.until(lambda: [message.text for message in office.channel.shown(jane)] == ["The answer"])
        await until(lambda: office.tool.find(post).sign is Sign.DELIVERED, "the mark")


async def test_a_reply_that_the_customer_still_has_is_no_note(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        post = await office.tool.says(office.bea, thread.ref, "The answer")
        await office.channel.until(lambda: len(office.channel.shown(jane)) == 1)
        await office.quiet()
        office.channel.faults.order("delete", PermanentFailure("Too late.", reason=FailureReason.POLICY))
        await office.tool.deletes(post)
        await until(lambda: [call for call in office.channel.calls if call.verb == "delete"], "the try")
        await office.quiet()
        await office.tool.restores(post)
        await office.quiet()
        assert await _directions(office) == ["in", "out"]
        assert [row.deleted_at for row in await office.rows(messages)] == [None, None]
        assert not [text for text in office.whispered() if "Restored" in text]
        assert len(office.channel.shown(jane)) == 1


async def test_a_reply_that_is_being_taken_back_is_a_note_once_that_is_done(database_url: str, tmp_path: Path) -> None:
    async with open_office(tmp_path, database_url) as office:
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        post = await office.tool.says(office.bea, thread.ref, "The answer")
        await office.channel.until(lambda: len(office.channel.shown(jane)) == 1)
        await office.quiet()
        held = office.channel.faults.hold("delete")
        await office.tool.deletes(post)
        await held.reached()
        await office.tool.restores(post)
        await office.handed_over()
        assert await _directions(office) == ["in", "out"]
        held.release()
        await until(lambda: office.tool.find(post).sign is Sign.NOTE, "the mark of a note")
        assert not office.channel.shown(jane)
        assert [text for text in office.whispered() if "the customer does not have it" in text]


async def test_a_delete_that_waits_is_undone(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        post = await office.tool.says(office.bea, thread.ref, "The answer")
        await office.channel.until(lambda: len(office.channel.shown(jane)) == 1)
        await office.quiet()
        office.channel.faults.order("delete", TemporaryFailure("Not now.", retry_after=30))
        await office.tool.deletes(post)
        await until(lambda: [call for call in office.channel.calls if call.verb == "delete"], "the try")
        await office.quiet()
        await office.tool.restores(post)
        await office.quiet()
        assert await _directions(office) == ["in", "out"]
        assert (await office.rows(messages))[1].deleted_at is None
        assert [row.state for row in await office.rows(outbox) if row.op == "send_delete"] == [State.CANCELLED]
        assert len(office.channel.shown(jane)) == 1
        assert not office.whispered()


async def test_where_nothing_can_be_taken_back_nothing_is_restored(tmp_path: Path) -> None:
    channel = FakeChannel("line", capabilities=replace(EVERYTHING, deletes_out=False))
    async with open_office(tmp_path, channel=channel) as office:
        jane = channel.customer("Jane")
        thread = await office.opened(jane)
        post = await office.tool.says(office.bea, thread.ref, "The answer")
        await channel.until(lambda: len(channel.shown(jane)) == 1)
        await office.tool.deletes(post)
        await until(lambda: [text for text in office.whispered() if "cannot take it back" in text], "the offer")
        await office.tool.restores(post)
        await office.quiet()
        assert await _directions(office) == ["in", "out"]
        assert len(office.whispered()) == 1


@pytest.mark.parametrize("words", ["// She is angry", "// She was angry"])
async def test_a_note_comes_back_as_a_note(tmp_path: Path, words: str) -> None:
    async with open_office(tmp_path) as office:
        thread = await office.opened(office.channel.customer("Jane"))
        post = await office.tool.says(office.bea, thread.ref, "// She is angry")
        await office.quiet()
        await office.tool.deletes(post)
        await office.quiet()
        assert [bool(row.deleted_at) for row in await office.rows(messages)] == [False, True]
        await office.app.desk.restored(post, Content(body=from_plain(words)))
        note = (await office.rows(messages))[1]
        assert (note.deleted_at, note.direction, note.body) == (None, "note", [[words.removeprefix("// ")]])
        await office.quiet()
        assert not office.channel.messages
