"""A channel takes no reply any more: what the agent does instead."""

from __future__ import annotations

from typing import Any

from sqlalchemy import update

from core.contacts.models import addresses, contacts
from core.contracts.gestures import Gesture
from tests.contract.stories.letters import LetterCustomer
from tests.contract.stories.telling import Talk, shows
from tests.flows.conftest import until


def _jane(here: Talk) -> LetterCustomer:
    assert isinstance(here.customer, LetterCustomer)
    return here.customer


@shows(Gesture.TEMPLATE, "letters")
async def template(here: Talk) -> None:
    await _jane(here).window_closes()
    await here.card_says("Closed: send a template")
    await here.office.writes(here.thread, "Are you there?")
    await here.whispered("allows replies only for 24 hours after the customer's last message")
    first = await here.office.opens(here.thread, "Template")
    [label] = [one for one in first.choices["template"] if one.startswith("ready")]
    second = await here.office.goes_on(first, {"template": label})
    assert "Hello {{1}}, your {{2}} is ready." in second.words, "how it will read is seen before it goes"
    await here.office.submits(second, {"body.1": "Wilma", "body.2": "kettle"})
    await here.arrives("Hello Wilma, your kettle is ready.")
    await here.stands("Hello Wilma, your kettle is ready.")
    # One that needs no values is only confirmed.
    again = await here.office.opens(here.thread, "Template")
    [label] = [one for one in again.choices["template"] if one.startswith("hello")]
    await here.office.submits(await here.office.goes_on(again, {"template": label}), {})
    await here.arrives("We are here.")
    assert here.heard() == ["Hello Wilma, your kettle is ready.", "We are here."]


@shows(Gesture.SEND_ELSEWHERE, "letters")
async def send_elsewhere(here: Talk) -> None:
    jane = _jane(here)
    # She has written from somewhere else, too, and proven that it is she.
    other = await jane.writes_elsewhere(here.first)
    await until(lambda: here.office.thread_of(f"{other.name} "), "her other thread")
    await here.stage.app.storage.write(lambda connection: _same(connection, jane.letter.id, other.letter.id))
    await jane.window_closes()
    await here.card_says("Closed: send a template")
    await here.office.writes(here.thread, "Shall we send it?")
    await here.whispered("allows replies only for 24 hours")
    await here.office.presses_told(here.thread, "Use Letters")
    await here.stands("Replies go to Letters from now on")
    await other.has("Shall we send it?")
    await here.office.writes(here.thread, "And this?")
    await other.has("And this?")
    assert here.heard() == []


def _same(connection: Any, one: str, other: str) -> None:
    ids = [
        connection.execute(addresses.select().where(addresses.c.external_id == name)).one().contact_id
        for name in (one, other)
    ]
    connection.execute(update(contacts).where(contacts.c.id == ids[1]).values(person_id=ids[0]))
