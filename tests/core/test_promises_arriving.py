"""What arrives early, twice, at the same moment, or from somebody who claims too much."""

from __future__ import annotations

import asyncio
from pathlib import Path

from core.contracts.workplace import Sign
from core.conversations.events import events
from core.conversations.inbox import inbox
from core.conversations.models import conversations
from tests.core.office import buttons, open_office, said, until, words


async def test_a_failure_reported_before_the_call_answered_is_told(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        office.channel.receipts = False
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        held = office.channel.faults.hold("send")
        post = await office.tool.says(office.bea, thread.ref, "The answer")
        await held.reached()
        # The report takes the next number, the message that is being sent the one after it.
        number = next(office.channel._numbers)
        await office.channel.reports(f"{jane.id}/out-{number + 2}", "failed", "No such number.")
        await asyncio.wait_for(office.handed_over(), 5)
        held.release()
        await until(lambda: buttons(thread, "retry"), "the failure in the thread")
        await until(lambda: office.tool.find(post).sign is Sign.FAILED, "the mark")


async def test_early_edits_come_in_their_order(database_url: str, tmp_path: Path) -> None:
    async with open_office(tmp_path, database_url) as office:
        jane = office.channel.customer("Jane")
        office.channel.hold()
        message = await office.channel.writes(jane, "one")
        for text in ("two", "three", "four"):
            await office.channel.edits(message, text)
        # The message comes last, the edits as they were made.
        office.channel.updates.append(office.channel.updates.pop(0))
        await office.channel.release()
        [thread] = await until(lambda: office.tool.threads, "the thread")
        await until(lambda: "four" in words(thread.posts[0]), "the last words")
        await office.quiet()
        assert said(thread) == ["four"]


async def test_an_old_message_brought_again_opens_nothing(tmp_path: Path) -> None:
    """A mailbox that is read anew brings what was forgotten to have been taken."""
    async with open_office(tmp_path) as office:
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        [first] = office.channel.updates
        await office.tool.presses(office.bea, thread.ref, "resolve")
        await office.quiet()
        await office.app.storage.write(lambda connection: connection.execute(inbox.delete()))
        await office.channel.sends_raw(first)
        await office.quiet()
        assert [row.state for row in await office.rows(conversations)] == ["closed"]
        assert "reopened" not in [row.kind for row in await office.rows(events)]


async def test_a_weaker_claim_changes_nothing_that_was_proven(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        jane = office.channel.customer("Jane", proof="verified", email="jane@shop.test", metadata={"to": "jane"})
        thread = await office.opened(jane)
        jane.name = "The Boss"
        jane.about = {"proof": "claimed", "email": "boss@shop.test", "phone": "+1", "metadata": {"to": "mallory"}}
        await office.channel.writes(jane, "Pay Mallory")
        await until(lambda: len(thread.posts) > 1, "the second message")
        await office.quiet()
        assert "jane@shop.test" in thread.card.facts[0].value
        assert "boss" not in str(thread.card.facts[0])
        assert thread.card.title.startswith("Jane")
        assert [text for text in said(thread) if "could not be proven" in text]
        await office.tool.says(office.bea, thread.ref, "To Jane only")
        await office.channel.until(lambda: len(office.channel.messages) == 1)
        assert dict(office.channel.messages[0].sent.recipient.metadata) == {"to": "jane"}


async def test_somebody_else_in_the_thread_does_not_move_the_replies(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        jane, mallory = office.channel.customer("Jane"), office.channel.customer("Mallory")
        first = await office.channel.writes(jane, "Hello")
        [thread] = await until(lambda: office.tool.threads, "the thread")
        await office.quiet()
        await office.channel.writes(mallory, "Me too", continues=[first])
        await until(lambda: [text for text in said(thread) if "not identified" in text], "the warning")
        await office.tool.says(office.bea, thread.ref, "For Jane")
        await office.channel.until(lambda: len(office.channel.messages) == 1)
        assert office.channel.shown(jane)
        assert not office.channel.shown(mallory)


async def test_a_note_is_never_quoted_to_the_customer(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        note = await office.tool.says(office.omar, thread.ref, "// she is a nuisance")
        await until(lambda: office.tool.find(note).sign is Sign.NOTE, "the note")
        await office.tool.says(office.bea, thread.ref, "I see", quote=note)
        await office.channel.until(lambda: len(office.channel.messages) == 1)
        assert not office.channel.messages[0].sent.quote_text


async def test_a_file_that_is_still_coming_is_not_lost_by_an_edit(tmp_path: Path) -> None:
    async with open_office(tmp_path, hold=1.0) as office:
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        held = office.tool.faults.hold("fetch")
        post = await office.tool.says(office.bea, thread.ref, "See teh file", files=[("a.txt", "text/plain", b"abc")])
        await held.reached()
        await office.tool.edits(post, "See the file")
        await asyncio.sleep(1.2)  # Longer than the hold: nothing may leave before the file is here.
        assert not office.channel.messages
        held.release()
        await office.channel.until(lambda: len(office.channel.messages) == 1)
        assert office.channel.messages[0].files == (b"abc",)
        assert office.channel.messages[0].text == "See the file"


async def test_the_reply_goes_where_the_customer_is_when_a_note_is_sent_after_all(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        note = await office.tool.says(office.bea, thread.ref, "// file", files=[("a.txt", "text/plain", b"abc")])
        await until(lambda: office.tool.find(note).sign is Sign.NOTE, "the note")
        await office.quiet()
        await office.tool.sends(office.bea, note)
        await office.channel.until(lambda: len(office.channel.messages) == 1)
        await office.quiet()
        assert office.channel.messages[0].files == (b"abc",)
        assert [row.kind for row in await office.rows(events)].count("replied") == 1
