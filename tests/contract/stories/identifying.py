"""Who the customer is: asked to prove it, merged with whom she is known as already, split again, answered elsewhere."""

from __future__ import annotations

import re

import aiohttp

from core.contracts.gestures import Gesture
from sandbox.play.customers import MailCustomer
from tests.contract.offices.slack import SlackOffice
from tests.contract.stories.telling import Talk, shows
from tests.flows.conftest import until


async def _by_mail(here: Talk) -> MailCustomer:
    """Somebody writes by mail, and her thread stands."""
    writer = MailCustomer(here.stage.mail, f"{here.customer.name}Mail")
    await writer.writes("I also write by mail")
    support = SlackOffice(here.stage, here.stage.support)
    await until(lambda: support.thread_of(writer.name), "the thread of the mail")
    return writer


async def _merged(here: Talk) -> MailCustomer:
    """The agent merges the customer with somebody who wrote by mail."""
    writer = await _by_mail(here)
    dialog = await here.office.opens(here.thread, "Merge")
    [choice] = [one for one in dialog.choices["contact"] if writer.name in one]
    await here.office.submits(dialog, {"contact": choice, "reason": "She told me on the phone"})
    await here.stands(f"{here.office.name} says so: “She told me on the phone”")
    return writer


@shows(Gesture.VERIFY)
async def verify(here: Talk) -> None:
    address = f"{here.customer.name.lower()}@customer.test"
    here.stage.mail.add_mailbox(address, "customer")
    await here.tab.frame({"type": "about", "about": {"name": here.customer.name, "email": address}})
    await here.customer.writes("I forgot my password")
    await here.card_says(f"{address} (not proven)")
    dialog = await here.office.opens(here.thread, "Ask to verify")
    [choice] = [one for one in dialog.choices["way"] if address in one]
    await here.office.submits(dialog, {"way": choice})
    await here.stands(f"{here.office.name} asked the customer to prove")
    letters = await until(lambda: here.stage.mail.mailbox(address), "the mail")
    [url] = re.findall(r"http://\S+/verify/[\w-]+", letters[0].letter.text)
    async with aiohttp.ClientSession() as http, http.post(url) as page:
        assert page.status == 200
    await here.stands("she confirmed the link")
    await here.card_says(f"{address} (verified)")
    await here.hears_only()


@shows(Gesture.MERGE)
async def merge(here: Talk) -> None:
    writer = await _merged(here)
    await here.card_says(writer.address)
    await writer.writes("It goes on here")
    await here.stands("It goes on here")
    await here.customer.writes("And I am back")
    await here.stands("And I am back")
    await here.hears_only()


@shows(Gesture.SPLIT)
async def split(here: Talk) -> None:
    writer = await _merged(here)
    await here.office.presses(here.thread, "Undo")
    await here.stands(f"{here.office.name} took back that")
    await until(lambda: writer.address not in here.card().text, "a card of her own")
    await here.hears_only()
    assert not any("That is all" in words for words in writer.texts())


@shows(Gesture.REPLY_BY_CHANNEL)
async def reply_by_channel(here: Talk) -> None:
    writer = await _merged(here)
    await here.customer.writes("I read my mail, too")
    await here.stands("I read my mail, too")
    dialog = await here.office.opens(here.thread, "Reply")
    [choice] = [one for one in dialog.choices["by"] if writer.address in one]
    await here.office.submits(dialog, {"by": choice, "text": "Sent as a mail"})
    await until(lambda: any("Sent as a mail" in words for words in writer.texts()), "the mail")
    assert here.heard() == []
