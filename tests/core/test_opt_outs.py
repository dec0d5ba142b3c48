"""What a customer does not want is kept on her address, shown on the card, and kept to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sqlalchemy import update

from core.contacts.models import addresses
from core.contracts.bridge import OptOut
from core.contracts.errors import FailureReason, PermanentFailure
from core.contracts.templates import Template, TemplateCategory
from core.contracts.workplace import Sign
from core.conversations.models import messages
from core.conversations.service import BOT
from core.testing.fakes import EVERYTHING, FakeChannel, FakeThread
from tests.core.office import Office, buttons, notices, open_office, until, words

TEMPLATED = replace(EVERYTHING, templates=True)
SALE = Template(name="sale", language="en", category=TemplateCategory.MARKETING, body="Everything half price!")
READY = Template(name="ready", language="en", category=TemplateCategory.UTILITY, body="Your order is ready.")


def facts(thread: FakeThread) -> dict[str, str]:
    return {one.label: one.value for one in thread.card.facts}


async def kept(office: Office) -> dict[str, str]:
    [row] = await office.rows(addresses)
    found: dict[str, str] = row.opt_outs
    return found


async def test_after_stop_nothing_leaves_until_start(database_url: str, tmp_path: Path) -> None:
    async with open_office(tmp_path, database_url) as office:
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        await office.channel.writes(jane, "STOP")
        await office.channel.opts_out(jane)
        await until(lambda: "Opted out" in facts(thread), "what she does not want on the card")
        assert [one for one in notices(thread) if words(one) == "Jane opted out."]
        post = await office.tool.says(office.bea, thread.ref, "Please stay")
        await until(lambda: office.tool.find(post).sign is Sign.NOTE, "a mark on what was not sent")
        await until(lambda: [text for text in office.whispered() if "asked not to be written to" in text], "why")
        # Writing is not opting in again.
        await office.channel.writes(jane, "I mean it")
        await office.quiet()
        await office.tool.says(office.bea, thread.ref, "Really?")
        await office.quiet()
        assert "Opted out" in facts(thread)
        assert not office.channel.messages
        await office.channel.opts_out(jane, out=False)
        await until(lambda: "Opted out" not in facts(thread), "that she wants it again on the card")
        await office.tool.says(office.bea, thread.ref, "Welcome back")
        await office.channel.until(lambda: [one.text for one in office.channel.shown(jane)] == ["Welcome back"])


async def test_it_is_checked_again_at_the_last_moment(tmp_path: Path) -> None:
    async with open_office(tmp_path, hold=1.0) as office:
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        await office.tool.says(office.bea, thread.ref, "Held for a second")
        await office.handed_over()
        await office.channel.opts_out(jane)
        await until(lambda: buttons(thread, "discard"), "the failure in the thread")
        assert not office.channel.messages


async def test_who_opts_out_before_she_ever_wrote_is_remembered(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        jane = office.channel.customer("Jane")
        await office.channel.opts_out(jane)
        await office.quiet()
        assert list(await kept(office)) == [OptOut.ALL]
        thread = await office.opened(jane)
        assert "Opted out" in facts(thread)
        await office.tool.says(office.bea, thread.ref, "Hello")
        await until(lambda: [text for text in office.whispered() if "asked not to be written to" in text], "why")
        assert not office.channel.messages


async def test_the_same_word_twice_is_said_once(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        await office.channel.opts_out(jane)
        await office.quiet()
        since = (await kept(office))[OptOut.ALL]
        await office.channel.opts_out(jane)
        await office.quiet()
        assert (await kept(office))[OptOut.ALL] == since
        assert len([one for one in notices(thread) if words(one) == "Jane opted out."]) == 1


async def test_a_block_ends_when_she_writes_and_does_not_refuse_a_reply_by_itself(tmp_path: Path) -> None:
    """The vendor does that, and is not always told when it is over."""
    async with open_office(tmp_path) as office:
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        await office.channel.blocks(jane)
        await until(lambda: "Reachable" in facts(thread), "the block on the card")
        await office.tool.says(office.bea, thread.ref, "Are you there?")
        await until(lambda: buttons(thread, "retry"), "the vendor's refusal")
        jane.blocked = False
        await office.channel.writes(jane, "Here again")
        await until(lambda: "Reachable" not in facts(thread), "the end of it on the card")
        assert await kept(office) == {}


async def test_nothing_automatic_leaves_to_somebody_who_blocked_us(tmp_path: Path) -> None:
    async with open_office(tmp_path, hold=0.7) as office:
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        await office.channel.blocks(jane)
        await office.quiet()
        jane.blocked = False  # Only our own memory keeps it from leaving.
        await office.tool.says(office.bea, thread.ref, "As if a bot had written it")
        await office.handed_over()
        change = update(messages).where(messages.c.direction == "out").values(author=BOT)
        await office.app.storage.write(lambda connection: connection.execute(change))
        await until(lambda: buttons(thread, "discard"), "the failure in the thread")
        assert not office.channel.messages


async def test_the_vendor_may_be_the_first_to_know(database_url: str, tmp_path: Path) -> None:
    async with open_office(tmp_path, database_url) as office:
        jane = office.channel.customer("Jane")
        thread = await office.opened(jane)
        refusal = PermanentFailure("She answered STOP.", reason=FailureReason.OPTED_OUT)
        office.channel.faults.order("send", refusal)
        await office.tool.says(office.bea, thread.ref, "First")
        await until(lambda: "Opted out" in facts(thread), "what she does not want on the card")
        assert list(await kept(office)) == [OptOut.ALL]
        await office.tool.says(office.bea, thread.ref, "Second")
        await until(lambda: [text for text in office.whispered() if "asked not to be written to" in text], "why")
        assert len([call for call in office.channel.calls if call.verb == "send"]) == 1


async def test_no_marketing_keeps_marketing_back_and_nothing_else(tmp_path: Path) -> None:
    channel = FakeChannel("wire", capabilities=TEMPLATED)
    channel.templates = [SALE, READY]
    async with open_office(tmp_path, channel=channel) as office:
        jane = channel.customer("Jane")
        thread = await office.opened(jane)
        await channel.opts_out(jane, OptOut.MARKETING)
        await until(lambda: "No marketing" in facts(thread), "what she does not want on the card")
        await office.tool.presses(office.bea, thread.ref, "template", SALE.id)
        await until(lambda: [text for text in office.whispered() if "does not want marketing" in text], "why")
        await office.tool.presses(office.bea, thread.ref, "template", READY.id)
        await office.tool.says(office.bea, thread.ref, "Come by any time")
        await channel.until(lambda: len(channel.shown(jane)) == 2)
        assert [one.text for one in channel.shown(jane)] == ["Your order is ready.", "Come by any time"]
