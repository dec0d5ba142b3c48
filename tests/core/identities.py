"""An office with four channels, and customers who are known on several: what the tests of identity stand on."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.contacts.links import contact_links
from core.contacts.models import contacts
from core.conversations.models import conversations
from core.testing.fakes import EVERYTHING, FakeChannel, FakeCustomer, FakePost, FakeThread
from tests.core.office import Office, notices, open_office, words

#: The plain addresses that are claimed and written to.
MAIL, NUMBER = "jane@example.com", "+43660123456"
CLAIMS_MAIL = {"proof": "claimed", "claims": [f"mailto:{MAIL}"]}
CLAIMS_NUMBER = {"proof": "claimed", "claims": [f"tel:{NUMBER}"]}


class Channels:
    """`wire`, where conversations begin; `letters` and `texts`, which can write first; `chatter`, which invites."""

    def __init__(self) -> None:
        self.wire = FakeChannel("wire", capabilities=EVERYTHING)
        self.letters = FakeChannel("letters", capabilities=replace(EVERYTHING, writes_first="mailto"))
        self.texts = FakeChannel("texts", capabilities=replace(EVERYTHING, writes_first="tel"))
        self.chatter = FakeChannel("chatter", capabilities=replace(EVERYTHING, invites=True))

    def mail(self, address: str = MAIL, name: str = "Jane", **about: Any) -> FakeCustomer:
        """Whoever reads and writes there; her domain vouches for her unless told otherwise."""
        known = {"email": address, "email_proven": about.get("proof", "channel") == "channel", **about}
        return _somebody(self.letters, address, name, known)

    def phone(self, number: str = NUMBER, name: str = "Jane", **about: Any) -> FakeCustomer:
        return _somebody(self.texts, number, name, {"suggests": [f"tel:{number}"], **about})


def _somebody(channel: FakeChannel, address: str, name: str, about: dict[str, Any]) -> FakeCustomer:
    customer = FakeCustomer(id=address, name=name, about=about)
    channel.customers[address] = customer
    return customer


@asynccontextmanager
async def identity_office(folder: Path, database: str, **more: Any) -> AsyncIterator[tuple[Office, Channels]]:
    found = Channels()
    others = (found.letters, found.texts, found.chatter)
    more = {"public_url": "https://chat.example.com", **more}
    async with open_office(folder, database, channel=found.wire, others=others, **more) as office:
        yield office, found


def card(thread: FakeThread) -> str:
    """All that the card says now."""
    now = thread.cards[-1]
    facts = [f"{fact.label}: {fact.value}" for fact in now.facts]
    return "\n".join([now.title, now.status, *facts, *(link.label for link in now.links)])


def buttons_of(thread: FakeThread) -> list[str]:
    return [action.label for action in thread.cards[-1].actions]


def said_by_us(thread: FakeThread) -> str:
    return "\n".join(words(post) for post in notices(thread))


def button(thread: FakeThread, label: str) -> str:
    """The value of the latest button with that label under our own sentences."""
    posts: list[FakePost] = notices(thread)
    found = [one.value for post in posts for one in (post.post.actions if post.post else ()) if one.label == label]
    assert found, f"no button {label}"
    return found[-1]


def link_in(text: str) -> str:
    """The token of a link that was sent."""
    found = re.search(r"https://chat\.example\.com/verify/([\w-]+)", text)
    assert found, text
    return found[1]


async def persons(office: Office) -> int:
    """How many customers there are."""
    return len({row.person_id or row.id for row in await office.rows(contacts)})


async def open_numbers(office: Office) -> list[int]:
    rows = await office.rows(conversations)
    return sorted(row.number for row in rows if row.open_key is not None)


async def evidence(office: Office) -> list[tuple[str, str]]:
    """(evidence, state) of every link, in order."""
    return [(row.evidence, row.state) for row in sorted(await office.rows(contact_links), key=lambda row: row.id)]
