"""What agents look up: a message whole, the customer, help, their queue, prepared texts and past conversations."""

from __future__ import annotations

from core.contracts.gestures import Gesture
from core.contracts.posts import FindingKind
from core.contracts.workplace import Sign
from sandbox.stage import CANNED
from tests.contract.stories.telling import Talk, shows
from tests.flows.conftest import until


@shows(Gesture.FULL_TEXT, "email")
async def full_text(here: Talk) -> None:
    await here.customer.writes(
        "This is long. " + "Oolong is in stock, and so is Assam. " * 400 + "Read to the-very-end"
    )
    await here.stands("This is long.")
    dialog = await here.office.opens(here.thread, "Show full message")
    assert "the-very-end" in dialog.words
    await here.office.closes(dialog)
    shown = [post.text for post in here.office.posts(here.thread)]
    assert not any("the-very-end" in text for text in shown), "the thread would have been enough"


@shows(Gesture.WHO)
async def who(here: Talk) -> None:
    await here.office.writes(here.thread, "!who")
    words = await here.whispered(here.customer.name)
    assert "Anonymous" in words or "Unconfirmed" in words
    await here.hears_only()


@shows(Gesture.HELP)
async def help_(here: Talk) -> None:
    await here.office.writes(here.thread, "!help")
    words = await here.whispered("What works in this thread")
    for command in ("!claim", "!note", "!resolve", "!reopen", "!snooze", "!who"):
        assert command in words
    await here.hears_only()


@shows(Gesture.QUEUE)
async def queue(here: Talk) -> None:
    name = here.customer.name
    await here.office.presses(here.thread, "Claim")
    await here.card_says(f"Claimed by {here.office.name}")
    await here.customer.writes("Still waiting for the cup")
    await here.stands("Still waiting for the cup")
    await here.office.opens_queue()
    await until(lambda: name in here.office.queue() and "Still waiting" in here.office.queue(), "her in the queue")
    await here.office.presses(here.thread, "Resolve")
    await here.card_says("Resolved")
    await here.office.opens_queue()
    await until(lambda: name not in here.office.queue(), "a queue without her")


@shows(Gesture.INSERT_CANNED)
async def insert_canned(here: Talk) -> None:
    title, text = CANNED[0]
    other, _ = CANNED[1]
    found = await here.office.looks_up(FindingKind.CANNED_REPLY, title)
    assert title in found
    assert other not in found
    post = await here.office.inserts(here.thread, FindingKind.CANNED_REPLY, title, title)
    await here.arrives(text)
    await until(lambda: here.office.sign(here.thread, post) is not Sign.NOTE, "no mark of a note")
    await here.hears_only(text)


@shows(Gesture.INSERT_CONVERSATION)
async def insert_conversation(here: Talk) -> None:
    name = here.customer.name
    found = await here.office.looks_up(FindingKind.CONVERSATION, name)
    [title] = [title for title in found if name in title]
    post = await here.office.inserts(here.thread, FindingKind.CONVERSATION, name, title)
    shown = await here.stands(title)
    assert shown.post == post
    # It is for colleagues: the customer has no use for a link into the workplace.
    await here.signed(post, Sign.NOTE)
    await here.hears_only()
