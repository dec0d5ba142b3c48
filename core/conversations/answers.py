"""Tells which of the choices that were offered to a customer she means by what she wrote or pressed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from core.contacts.models import Address
from core.contracts.bridge import ChoiceMade, ExternalId, MessageReceived
from core.contracts.content import Choice, Content
from core.contracts.text import from_plain, line, offer_from_json, plain
from core.conversations import repository
from core.conversations.models import Message
from core.conversations.presenting import choices_of

#: How long an offer stands for words; a button says itself what it belongs to.
OPEN_FOR = timedelta(hours=24)
_LONGEST = 500
#: "2", "2.", "2)", "(2)", "#2", "2️⃣".
_NUMBER = re.compile(r"[(#]?(\d{1,3})\ufe0f?\u20e3?[.)]?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What she chose, of which message."""

    offer: Message | None
    choice: Choice
    #: What she wrote instead of pressing a button, or "".
    typed: str = ""

    def to_json(self) -> dict[str, str]:
        kept = {"value": self.choice.value, "label": self.choice.label}
        return {**kept, "typed": self.typed} if self.typed else kept


def read(
    connection: Connection, address: Address, event: MessageReceived, made: ChoiceMade | None, now: datetime
) -> tuple[MessageReceived, Answer | None]:
    """What she chose, by a press or by words, and her message as an answer to the offer."""
    answer = _pressed(connection, address, made) if made else _written(connection, address, event, now)
    if answer is None:
        return event, None
    offered = ExternalId(answer.offer.external_id) if answer.offer and answer.offer.external_id else None
    content = Content(body=from_plain(answer.choice.label)) if made else event.content
    return replace(event, quote=event.quote or offered, content=content), answer


def _pressed(connection: Connection, address: Address, event: ChoiceMade) -> Answer:
    """The choice whose button she pressed, by its whole label; of an offer that is not known, as the vendor says."""
    found = repository.message_by_external(connection, address.account, event.external_id)
    # Another customer's offer is none of hers.
    offers = [found] if found is not None and found.address_id == address.id else _latest(connection, address)
    for one in offers:
        for choice in _choices(one):
            if choice.value == event.value:
                return Answer(offer=one, choice=choice)
    return Answer(offer=None, choice=Choice(value=event.value, label=event.label or event.value))


def _written(connection: Connection, address: Address, event: MessageReceived, now: datetime) -> Answer | None:
    """The choice that she means by her words: its number, title or payload; None: her words are just words.

    A number counts for the last thing we said only, unless she quotes: after it, it may answer anything.
    """
    text = plain(event.content.body).strip()
    if address.offered_at is None or now - address.offered_at > OPEN_FOR or not 0 < len(text) <= _LONGEST:
        return None
    if event.content.attachments or event.automated:
        return None
    latest = _latest(connection, address, since=now - OPEN_FOR)
    quoted = next((one for one in latest if event.quote and _is(connection, one, event.quote)), None)
    number = _NUMBER.fullmatch(text)
    asked = quoted or next(iter(latest), None)
    if number is not None and asked is not None and 0 < int(number[1]) <= len(choices := _choices(asked)):
        return Answer(offer=asked, choice=choices[int(number[1]) - 1], typed=text)
    words = line(text, limit=_LONGEST).casefold()
    for one in (quoted,) if quoted is not None else latest:
        for choice in _choices(one):
            if words == line(choice.label, limit=_LONGEST).casefold() or text == choice.value:
                return Answer(offer=one, choice=choice, typed=text)
    return None


def _latest(connection: Connection, address: Address, *, since: datetime | None = None) -> Sequence[Message]:
    return repository.sent_to(connection, address.id, since=since)


def _is(connection: Connection, message: Message, external_id: str) -> bool:
    return message.external_id == external_id or external_id in repository.pieces(connection, message.id).values()


def _choices(message: Message) -> tuple[Choice, ...]:
    return choices_of(offer_from_json(message.offer)) if message.offer else ()
