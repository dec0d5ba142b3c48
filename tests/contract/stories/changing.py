"""Agents change their minds: before a reply has left, after it, and where the channel takes nothing back."""

from __future__ import annotations

from core.contracts.gestures import Gesture
from core.contracts.workplace import Sign
from tests.contract.stories.telling import Talk, shows
from tests.flows.conftest import until


@shows(Gesture.EDIT_HELD)
async def edit_held(here: Talk) -> None:
    post = await here.office.writes(here.thread, "green tee")
    await here.taken(post)
    await here.office.edits(here.thread, post, "green tea")
    await here.arrives("green tea")
    [item] = [item for item in here.tab.items.values() if not item["me"]]
    assert not item["edited"], "she never saw the first form"
    await here.hears_only("green tea")


@shows(Gesture.DELETE_HELD)
async def delete_held(here: Talk) -> None:
    post = await here.office.writes(here.thread, "never mind")
    await here.taken(post)
    await here.office.deletes(here.thread, post)
    await here.whispered("Deleted in time")
    await here.hears_only()


@shows(Gesture.EDIT_SENT, "telegram")
async def edit_sent(here: Talk) -> None:
    post = await here.office.writes(here.thread, "green tee")
    await here.arrives("green tee")
    await here.signed(post, Sign.DELIVERED)
    await here.office.edits(here.thread, post, "green tea")
    await until(lambda: here.heard() == ["green tea"], "the edit at the customer's")
    await here.hears_only("green tea")


@shows(Gesture.DELETE_SENT, "telegram")
async def delete_sent(here: Talk) -> None:
    post = await here.office.writes(here.thread, "said too much")
    await here.arrives("said too much")
    await here.signed(post, Sign.DELIVERED)
    await here.office.deletes(here.thread, post)
    await until(lambda: here.heard() == [], "nothing at the customer's")
    await here.hears_only()


@shows(Gesture.RESTORE, "telegram")
async def restore(here: Talk) -> None:
    post = await here.office.writes(here.thread, "we are open on Sunday")
    await here.arrives("we are open on Sunday")
    await here.signed(post, Sign.DELIVERED)
    await here.office.deletes(here.thread, post)
    await until(lambda: here.heard() == [], "nothing at the customer's")
    await here.office.restores(here.thread, post)
    # She may not know that it was taken back, so nothing leaves by that alone.
    await here.whispered("Restored here, the customer does not have it")
    await here.signed(post, Sign.NOTE)
    assert here.heard() == []
    await here.office.sends(here.thread, post)
    await here.arrives("we are open on Sunday")
    await here.signed(post, Sign.DELIVERED)
    await here.hears_only("we are open on Sunday")


@shows(Gesture.CORRECT, "email")
async def correct(here: Talk) -> None:
    post = await here.office.writes(here.thread, "We have green tee")
    await here.arrives("We have green tee")
    await here.signed(post, Sign.DELIVERED)
    await here.office.edits(here.thread, post, "We have green tea")
    await here.whispered("cannot change it there")
    assert len(here.heard()) == 1
    await here.office.presses_told(here.thread, "Send a correction")
    await here.arrives("We have green tea")
    assert len(here.heard()) == 2
    assert "We have green tee" in here.heard()[0]
