"""Whose a conversation is, what state it is in, and where it is shown."""

from __future__ import annotations

import asyncio

from core.contracts.gestures import Gesture
from tests.contract.offices.office import Office
from tests.contract.stories.telling import Talk, shows
from tests.flows.conftest import until


@shows(Gesture.CLAIM)
async def claim(here: Talk) -> None:
    """Two press at once: one is told that the other was quicker, and both see whose it is."""
    two = (here.office, here.office.colleague())
    await asyncio.gather(*(office.presses(here.thread, "Claim") for office in two))

    def beaten() -> Office | None:
        return next((one for one in two if any("was quicker" in words for words in one.told(here.thread))), None)

    slower: Office = await until(beaten, "the slower one is told")
    [owner] = [office for office in two if office is not slower]
    assert owner.name in (await here.whispered("was quicker", slower))
    await here.card_says(f"Claimed by {owner.name}")
    await until(lambda: "Claim" not in here.card().buttons, "a card that nobody can claim")
    await here.hears_only()


@shows(Gesture.TAKE_OVER)
async def take_over(here: Talk) -> None:
    await here.office.presses(here.thread, "Claim")
    await here.card_says(f"Claimed by {here.office.name}")
    colleague = here.office.colleague()
    await colleague.writes(here.thread, "!claim")
    await here.stands(f"{colleague.name} took over from {here.office.name}")
    await here.card_says(f"Claimed by {colleague.name}")
    await here.hears_only()


@shows(Gesture.RESOLVE)
async def resolve(here: Talk) -> None:
    await here.office.presses(here.thread, "Resolve")
    await here.stands(f"{here.office.name} resolved this conversation")
    await here.card_says("Resolved")
    await until(lambda: "Reopen" in here.card().buttons, "a card that can be reopened")
    assert here.heard() == []
    # It goes on in the same thread when she writes again.
    await here.customer.writes("One more question")
    await here.stands("One more question")


@shows(Gesture.REOPEN)
async def reopen(here: Talk) -> None:
    await here.office.presses(here.thread, "Resolve")
    await here.card_says("Resolved")
    await here.office.presses(here.thread, "Reopen")
    await here.stands(f"{here.office.name} reopened this conversation")
    await until(lambda: "Resolve" in here.card().buttons, "a card that can be resolved")
    await until(lambda: "Resolved" not in here.card().text, "a card that says so")
    await here.hears_only()


@shows(Gesture.SNOOZE)
async def snooze(here: Talk) -> None:
    await here.fills_in("Snooze", {"until": "1 hour"})
    await here.stands(f"{here.office.name} snoozed this conversation until")
    await here.card_says("Snoozed until")
    await here.customer.writes("I am back already")
    await here.stands("I am back already")
    await until(lambda: "Snoozed until" not in here.card().text, "a card that is awake")
    await here.hears_only()


@shows(Gesture.MIRROR)
async def mirror(here: Talk) -> None:
    there, label = here.office.elsewhere()
    dialog = await here.office.opens(here.thread, "Mirror")
    [choice] = [choice for choice in dialog.choices["room"] if label in choice]
    await here.office.submits(dialog, {"room": choice})
    thread = await until(lambda: there.thread_of(f"{here.customer.name} "), "the thread in the other room")
    await here.stands(here.first, there, thread)
    # What the customer says next stands once in each; what a colleague answers there, here under his name.
    await here.customer.writes("Shown in two rooms?")
    await here.stands("Shown in two rooms?")
    await here.stands("Shown in two rooms?", there, thread)
    colleague = there.colleague()
    await colleague.writes(thread, "Yes, in two")
    await here.arrives("Yes, in two")
    copy = await here.stands("Yes, in two")
    assert colleague.name in copy.author + copy.text
    await here.customer.writes("Good to know")
    await here.stands("Good to know")
    await here.stands("Good to know", there, thread)
    for office, where in ((here.office, here.thread), (there, thread)):
        shown = [post.text for post in office.posts(where)]
        for words in ("Shown in two rooms?", "Yes, in two"):
            assert sum(words in text for text in shown) == 1, f"{words!r} in {shown}"
    await here.hears_only("Yes, in two")
