"""A reply did not reach the customer, or nobody knows: the agent decides what happens."""

from __future__ import annotations

from core.contracts.gestures import Gesture
from core.contracts.workplace import Sign
from sandbox.faults import Fault
from tests.contract.stories.telling import Talk, shows


async def _fails(here: Talk) -> str:
    """A reply to somebody who has blocked us."""
    await here.stage.telegram.customer_blocks(here.phone)
    post = await here.office.writes(here.thread, "are you there?")
    await here.stands("“are you there?” was not delivered")
    await here.signed(post, Sign.FAILED)
    await here.stage.telegram.customer_unblocks(here.phone)
    return post


async def _is_in_doubt(here: Talk, fault: Fault) -> str:
    """A reply to which Telegram's answer never came."""
    here.stage.telegram.faults.order("sendMessage", fault)
    post = await here.office.writes(here.thread, "your code is 4711")
    await here.stands("It is not known whether “your code is 4711” reached the customer")
    await here.signed(post, Sign.FAILED)
    return post


@shows(Gesture.RETRY, "telegram")
async def retry(here: Talk) -> None:
    post = await _fails(here)
    assert here.heard() == []
    await here.office.presses(here.thread, "Retry")
    await here.arrives("are you there?")
    await here.signed(post, Sign.DELIVERED)
    # A second press is harmless.
    await here.office.presses(here.thread, "Retry")
    await here.whispered("is not waiting for a decision any more")
    await here.hears_only("are you there?")


@shows(Gesture.DISCARD, "telegram")
async def discard(here: Talk) -> None:
    await _fails(here)
    await here.office.presses(here.thread, "Discard")
    await here.whispered("Discarded: it is not sent again")
    await here.hears_only()


@shows(Gesture.ARRIVED, "telegram")
async def arrived(here: Talk) -> None:
    post = await _is_in_doubt(here, Fault(drop="after"))
    assert here.heard() == ["your code is 4711"]
    await here.office.presses(here.thread, "It arrived")
    await here.signed(post, Sign.DELIVERED)
    await here.hears_only("your code is 4711")


@shows(Gesture.RESEND, "telegram")
async def resend(here: Talk) -> None:
    post = await _is_in_doubt(here, Fault(drop="before"))
    assert here.heard() == []
    await here.office.presses(here.thread, "Send again")
    await here.arrives("your code is 4711")
    await here.signed(post, Sign.DELIVERED)
    await here.hears_only("your code is 4711")
