"""Replies that failed, were sent in part, or may have been sent: what an agent can still do, and what she is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from core.contracts.errors import FailureReason, OutcomeUnknown, PermanentFailure, TemporaryFailure
from core.contracts.workplace import Sign
from core.conversations.events import events
from core.testing.fakes import EVERYTHING, FakeChannel
from tests.core.office import buttons, notices, open_office, said, until, words

REFUSED = PermanentFailure("The channel said no.", reason=FailureReason.BAD_CONTENT)


async def test_a_failure_that_the_vendor_reports_later_can_be_retried(database_url: str, tmp_path: Path) -> None:
    async with open_office(tmp_path, database_url) as office:
        office.channel.receipts = False
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        await office.tool.says(office.bea, thread.ref, "The answer")
        await office.channel.until(lambda: len(office.channel.shown(jane)) == 1)
        await office.quiet()
        await office.channel.reports(office.channel.messages[0].id, "failed", "The mailbox is full.")
        [value] = await until(lambda: buttons(thread, "retry"), "the failure in the thread")
        await office.tool.presses(office.bea, thread.ref, "retry", value)
        await office.channel.until(lambda: len(office.channel.messages) == 2)
        await office.quiet()
        assert [message.text for message in office.channel.messages] == ["The answer", "The answer"]
        assert not office.whispered()
        assert "retried" in [row.kind for row in await office.rows(events)]


async def test_discard_of_something_delivered_meanwhile_changes_nothing(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        office.channel.faults.order("send", REFUSED)
        post = await office.tool.says(office.bea, thread.ref, "The answer")
        [value] = await until(lambda: buttons(thread, "retry"), "the failure in the thread")
        await office.tool.presses(office.bea, thread.ref, "retry", value)
        await until(lambda: office.tool.find(post).sign is Sign.DELIVERED, "the mark")
        await office.tool.presses(office.omar, thread.ref, "discard", value)
        await office.quiet()
        assert not [text for text in office.whispered() if "does not get it" in text]
        assert "discarded" not in [row.kind for row in await office.rows(events)]
        await office.tool.edits(post, "The better answer")
        await office.channel.until(lambda: office.channel.messages[0].text == "The better answer")


async def test_an_edit_of_what_may_have_arrived_sends_nothing_by_itself(tmp_path: Path) -> None:
    channel = FakeChannel("line", capabilities=EVERYTHING, reconciles=False)
    async with open_office(tmp_path, channel=channel) as office:
        jane = channel.customer("Jane")
        thread = await office.opened(jane)
        channel.faults.order("send", OutcomeUnknown("The answer was lost."), after=True)
        post = await office.tool.says(office.bea, thread.ref, "Pay 100")
        [value] = await until(lambda: buttons(thread, "resend"), "the question in the thread")
        await office.tool.edits(post, "Pay 10")
        await office.quiet()
        assert [message.text for message in channel.messages] == ["Pay 100"]
        await office.tool.presses(office.bea, thread.ref, "resend", value)
        await channel.until(lambda: len(channel.messages) == 2)
        assert channel.messages[1].text == "Pay 10"


async def test_deleting_what_may_have_arrived_does_not_claim_that_it_did_not(tmp_path: Path) -> None:
    channel = FakeChannel("line", capabilities=EVERYTHING, reconciles=False)
    async with open_office(tmp_path, channel=channel) as office:
        jane = channel.customer("Jane")
        thread = await office.opened(jane)
        channel.faults.order("send", OutcomeUnknown("The answer was lost."), after=True)
        post = await office.tool.says(office.bea, thread.ref, "Pay 100")
        await until(lambda: buttons(thread, "resend"), "the question in the thread")
        await office.tool.deletes(post)
        told = await until(office.whispered, "a word to the agent")
        assert not [text for text in told if "did not get it" in text]
        assert [text for text in told if "may have" in text]


async def test_an_edit_after_a_part_was_sent_does_not_repeat_that_part(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        office.channel.faults.order("send")
        office.channel.faults.order("send", REFUSED)
        first, second = "a" * 3_900, "b" * 3_900
        post = await office.tool.says(office.bea, thread.ref, f"{first}\n{second}")
        [value] = await until(lambda: buttons(thread, "retry"), "the failure in the thread")
        await office.tool.edits(post, f"{first}\n{'c' * 3_900}")
        await office.quiet()
        await office.tool.presses(office.bea, thread.ref, "retry", value)
        await office.channel.until(lambda: len(office.channel.messages) == 2)
        await office.quiet()
        assert [message.text[0] for message in office.channel.messages] == ["a", "c"]


async def test_a_receipt_for_one_part_does_not_hide_that_another_failed(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        office.channel.receipts = False
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        office.channel.faults.order("send")
        office.channel.faults.order("send", TemporaryFailure("Not yet.", retry_after=1))
        office.channel.faults.order("send", REFUSED)
        await office.tool.says(office.bea, thread.ref, f"{'a' * 3_900}\n{'b' * 3_900}")
        await office.channel.until(lambda: len(office.channel.messages) == 1)
        await office.quiet()
        await office.channel.reports(office.channel.messages[0].id, "delivered")
        await until(lambda: buttons(thread, "retry"), "the failure in the thread")
        await office.channel.reports(office.channel.messages[0].id, "read")
        await office.quiet()
        await office.tool.presses(office.bea, thread.ref, "retry", buttons(thread, "retry")[0])
        await office.channel.until(lambda: len(office.channel.messages) == 2)


async def test_a_refused_edit_can_be_retried_as_it_reads_now(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        office.channel.faults.order("send", REFUSED)
        post = await office.tool.says(office.bea, thread.ref, "First words")
        await until(lambda: buttons(thread, "retry"), "the failure in the thread")
        await office.tool.edits(post, "Better words")
        await office.channel.until(lambda: [m.text for m in office.channel.messages] == ["Better words"])
        await office.quiet()
        assert (await office.app.status())["dead"] == 0
        assert len(notices(thread)) == 1


async def test_a_refused_reply_is_kept_and_marked(tmp_path: Path) -> None:
    """A private word may be missed; the words themselves and a mark stay."""
    channel = FakeChannel("line", capabilities=replace(EVERYTHING, reply_window=timedelta(0)))
    async with open_office(tmp_path, channel=channel) as office:
        thread = await office.opened(channel.customer("Jane"))
        office.tool.faults.stand("whisper", PermanentFailure("She is not in the room."))
        post = await office.tool.says(office.bea, thread.ref, "Too late")
        await until(lambda: office.tool.find(post).sign is Sign.NOTE, "a mark on what was not sent")
        assert not channel.messages


async def test_a_second_failure_is_marked_again(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        office.channel.faults.order("send", REFUSED, times=2)
        post = await office.tool.says(office.bea, thread.ref, "The answer")
        [value] = await until(lambda: buttons(thread, "retry"), "the failure in the thread")
        await office.tool.presses(office.bea, thread.ref, "retry", value)
        await until(lambda: len(notices(thread)) == 2, "the second failure in the thread")
        await office.quiet()
        assert office.tool.find(post).signs == [Sign.FAILED, Sign.PENDING, Sign.FAILED]


async def test_a_deleted_reply_does_not_leave_after_an_unknown_outcome(tmp_path: Path) -> None:
    """The vendor says that it never came: it must not be sent now."""
    async with open_office(tmp_path) as office:
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        office.channel.faults.order("send", OutcomeUnknown("No answer.", retry_after=1))
        post = await office.tool.says(office.bea, thread.ref, "Wrong customer")
        await office.channel.until(lambda: "send" in [call.verb for call in office.channel.calls])
        await office.tool.deletes(post)
        await office.channel.until(lambda: "find" in [call.verb for call in office.channel.calls])
        await office.quiet()
        assert not office.channel.messages
        assert not notices(thread)


async def test_an_edit_after_an_unknown_outcome_asks_about_what_was_sent(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        office.channel.faults.order("send", OutcomeUnknown("No answer.", retry_after=1), after=True)
        post = await office.tool.says(office.bea, thread.ref, "Pay 100")
        await office.channel.until(lambda: "send" in [call.verb for call in office.channel.calls])
        await office.tool.edits(post, "Pay 10")
        await office.channel.until(lambda: "edit" in [call.verb for call in office.channel.calls])
        await office.quiet()
        assert [message.text for message in office.channel.messages] == ["Pay 10"]


async def test_a_correction_that_nobody_sends_is_no_reply(tmp_path: Path) -> None:
    only_sends = replace(EVERYTHING, edits_out=False, deletes_out=False, delivered=False)
    channel = FakeChannel("line", capabilities=only_sends)
    async with open_office(tmp_path, channel=channel) as office:
        jane = channel.customer("Jane")
        thread = await office.opened(jane)
        post = await office.tool.says(office.bea, thread.ref, "Pay 100")
        await channel.until(lambda: len(channel.messages) == 1)
        await office.quiet()
        await office.tool.edits(post, "Pay 10")
        await until(lambda: office.tool.whispers, "the offer")
        assert [row.kind for row in await office.rows(events)].count("replied") == 1
        [action] = office.tool.whispers[-1].actions
        await office.tool.presses(office.bea, thread.ref, action.id, action.value)
        await channel.until(lambda: len(channel.messages) == 2)
        await office.quiet()
        await office.tool.presses(office.bea, thread.ref, action.id, action.value)
        await office.quiet()
        assert [message.text for message in channel.messages] == ["Pay 100", "Pay 10"]
        assert said(thread)[-1] == "Pay 10"
        assert [row.kind for row in await office.rows(events)].count("replied") == 2
        assert "Pay 10" in words(thread.posts[-1])
