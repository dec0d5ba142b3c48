"""The context card of a conversation: who, how well identified, what state, and what can be done."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from core.cards import words
from core.contacts import repository as contacts
from core.contacts.models import Address, Contact
from core.contracts.actions import ActionId
from core.contracts.content import Capabilities
from core.contracts.places import ThreadRef
from core.contracts.posts import Action, Card, CardLink, Fact
from core.conversations import repository, threads
from core.conversations.models import Conversation, State
from core.conversations.threads import ThreadLink
from core.routing import rooms

_HINTS = {
    "all": "Messages in this thread go to the customer. Start with // for a note; !help shows the commands.",
    "explicit": "Messages here stay internal. Reply with the button, the message shortcut, or a leading >.",
    "none": "This thread is for information; nothing written here reaches the customer.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelInfo:
    """What a card says about an account."""

    title: str
    capabilities: Capabilities


def actions_for(conversation: Conversation, *, mirror: bool = False) -> tuple[Action, ...]:
    """The buttons that make sense in a conversation's state; `mirror`: there is a room that does not show it yet."""
    value = str(conversation.id)
    note = Action(id=ActionId.NOTE, label="Note", value=value, asks=True)
    if conversation.state is State.CLOSED:
        return (Action(id=ActionId.REOPEN, label="Reopen", value=value, style="primary"), note)
    buttons = []
    if not conversation.owner:
        buttons.append(Action(id=ActionId.CLAIM, label="Claim", value=value, style="primary"))
    if conversation.reply_mode != "none":
        buttons.append(Action(id=ActionId.REPLY, label="Reply", value=value, asks=True))
    buttons.append(note)
    if conversation.state is State.SNOOZED:
        buttons.append(Action(id=ActionId.REOPEN, label="Wake now", value=value))
    else:
        buttons.append(Action(id=ActionId.SNOOZE, label="Snooze", value=value, asks=True))
    buttons.append(Action(id=ActionId.RESOLVE, label="Resolve", value=value))
    if mirror:
        buttons.append(Action(id=ActionId.MIRROR, label="Mirror", value=value, asks=True))
    return tuple(buttons)


def status_of(conversation: Conversation) -> tuple[str, str]:
    """An emoji and the words beside it."""
    if conversation.state is State.CLOSED:
        return "✅", "Resolved"
    if conversation.state is State.SNOOZED and conversation.snoozed_until is not None:
        return "💤", f"Snoozed until {words.clock(conversation.snoozed_until)}"
    if conversation.owner:
        return "🟢", f"Claimed by {conversation.owner_name}"
    return "🔵", "Open, waiting for somebody"


def build(
    connection: Connection,
    conversation: Conversation,
    link: ThreadLink,
    channels: Mapping[str, ChannelInfo],
    now: datetime,
    *,
    workspaces: Collection[str],
) -> Card:
    """The card as it is true now; `workspaces` are those in the settings."""
    contact = contacts.contact(connection, conversation.contact_id)
    address = contacts.address_by_id(connection, conversation.address_id)
    info = channels.get(address.account)
    title = info.title if info else address.account
    emoji, status = status_of(conversation)
    places = threads.links_of(connection, conversation.id)
    return Card(
        title=f"{words.name_of(contact, address)} · {title} · #{conversation.number}",
        status=status,
        status_emoji=emoji,
        facts=tuple(_facts(conversation, contact, address, title, info)),
        links=(*_elsewhere(connection, places, link), *_links(connection, conversation, link)),
        actions=actions_for(conversation, mirror=_room_left(connection, places, workspaces)),
        hint=_HINTS[conversation.reply_mode],
    )


def _facts(
    conversation: Conversation, contact: Contact, address: Address, title: str, info: ChannelInfo | None
) -> list[Fact]:
    facts = [Fact(label="Identity", value=words.proof_of(address, title))]
    if conversation.subject:
        facts.append(Fact(label="Subject", value=conversation.subject))
    if contact.language:
        facts.append(Fact(label="Language", value=contact.language))
    if words.zone(contact.timezone) is not None:
        facts.append(Fact(label="Time zone", value=contact.timezone))
    facts.extend(Fact(label=label, value=value) for label, value in address.facts.items() if value)
    if not address.reachable:
        facts.append(Fact(label="Reachable", value="No: blocked or opted out"))
    window = info.capabilities.reply_window if info else timedelta()
    if window:
        facts.append(Fact(label="Reply until", value=words.clock(conversation.last_in_at + window)))
    return facts


def _room_left(connection: Connection, places: list[ThreadLink], workspaces: Collection[str]) -> bool:
    """Whether there is a room to mirror to."""
    shown = {(place.workspace, place.room) for place in places}
    found = rooms.usable(connection, workspaces, limit=len(shown) + 1)
    return any((room.workspace, room.room) not in shown for room, _ in found)


def _elsewhere(connection: Connection, places: list[ThreadLink], link: ThreadLink) -> list[CardLink]:
    """Where else this conversation is shown."""
    return [
        CardLink(
            label=f"Also in {rooms.full_name(connection, place.room_ref)}",
            url=place.url,
            thread=place.ref if place.workspace == link.workspace else None,
        )
        for place in places
        if place.id != link.id and place.thread
    ]


def _links(connection: Connection, conversation: Conversation, link: ThreadLink) -> list[CardLink]:
    result = []
    for earlier in repository.earlier(connection, conversation):
        thread = _thread_in(threads.links_of(connection, earlier.id), link.workspace)
        result.append(CardLink(label=f"#{earlier.number}, {words.clock(earlier.created_at)}", thread=thread))
    return result


def _thread_in(links: list[ThreadLink], workspace: str) -> ThreadRef | None:
    return next((link.ref for link in links if link.workspace == workspace and link.thread), None)


def fingerprint(card: Card, first: object) -> str:
    """Equal for two cards that would look the same."""
    return hashlib.sha256(repr((card, first)).encode("utf-8", "surrogatepass")).hexdigest()
