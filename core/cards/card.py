"""The context card of a conversation: who, how well identified, what state, and what can be done."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from core.cards import identity, words
from core.contacts import repository as contacts
from core.contacts.models import Address, Contact
from core.contracts.actions import ActionId
from core.contracts.bridge import OptOut
from core.contracts.content import Capabilities
from core.contracts.errors import FailureReason
from core.contracts.places import ThreadRef
from core.contracts.posts import Action, Card, CardLink, Fact
from core.conversations import reaching, repository, threads
from core.conversations.models import Conversation, State
from core.conversations.threads import ThreadLink
from core.routing import rooms

_OPT_OUTS = {
    OptOut.ALL: ("Opted out", "🚫 Of everything, since {since}: no reply leaves"),
    OptOut.BLOCKED: ("Reachable", "No: blocked us, since {since}"),
    OptOut.MARKETING: ("No marketing", "Since {since}"),
}
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


def actions_for(conversation: Conversation, *, mirror: bool = False, template: bool = False) -> tuple[Action, ...]:
    """The buttons that make sense in a conversation's state.

    `mirror`: there is a room that does not show it yet; `template`: nothing else may be sent, and there are some.
    """
    value = str(conversation.id)
    note = Action(id=ActionId.NOTE, label="Note", value=value, asks=True)
    if conversation.state is State.CLOSED:
        return (Action(id=ActionId.REOPEN, label="Reopen", value=value, style="primary"), note)
    buttons = []
    if not conversation.owner:
        buttons.append(Action(id=ActionId.CLAIM, label="Claim", value=value, style="primary"))
    if conversation.reply_mode != "none":
        buttons.append(Action(id=ActionId.REPLY, label="Reply", value=value, asks=True))
        if template:
            buttons.append(Action(id=ActionId.TEMPLATE, label="Template", value=value, asks=True))
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
    if conversation.joined_id is not None:
        return "🔗", "Goes on in another conversation"
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
        facts=(
            *_facts(conversation, contact, address, title, info, now),
            *identity.facts(connection, conversation, address, partial(_title, channels)),
        ),
        links=(*_elsewhere(connection, places, link), *_links(connection, conversation, link, channels)),
        actions=(
            *actions_for(
                conversation,
                mirror=_room_left(connection, places, workspaces),
                template=info is not None and _needs_template(address, info.capabilities, now),
            ),
            *identity.actions(connection, conversation, address),
        ),
        hint=_HINTS[conversation.reply_mode],
    )


def _facts(
    conversation: Conversation, contact: Contact, address: Address, title: str, info: ChannelInfo | None, now: datetime
) -> list[Fact]:
    facts = [Fact(label="Identity", value=words.proof_of(address, title))]
    if conversation.subject:
        facts.append(Fact(label="Subject", value=conversation.subject))
    if contact.language:
        facts.append(Fact(label="Language", value=contact.language))
    if words.zone(contact.timezone) is not None:
        facts.append(Fact(label="Time zone", value=contact.timezone))
    facts.extend(Fact(label=label, value=value) for label, value in address.facts.items() if value)
    facts.extend(_opt_outs(address))
    if info is not None and info.capabilities.reply_window is not None:
        facts.append(Fact(label="Reply until", value=_window(address, info.capabilities, now)))
    return facts


def _opt_outs(address: Address) -> list[Fact]:
    """What she does not want from us here, and since when."""
    kept = [(_OPT_OUTS[kind], address.opt_outs[kind]) for kind in OptOut if kind in address.opt_outs]
    return [
        Fact(label=label, value=text.format(since=words.clock(datetime.fromisoformat(since))))
        for (label, text), since in kept
    ]


def _needs_template(address: Address, capabilities: Capabilities, now: datetime) -> bool:
    return capabilities.templates and reaching.reach(address, capabilities, now).reason is FailureReason.WINDOW_CLOSED


def _window(address: Address, capabilities: Capabilities, now: datetime) -> str:
    """The countdown as a time, for a number of hours would be wrong a moment later; the last two hours are marked."""
    until, longer = address.window_until, reaching.human_until(address, capabilities)
    if until is not None and now <= until:
        return _until(until, now)
    if longer is not None and now <= longer:
        return f"{_until(longer, now)}, in your own words only"
    template = ": send a template, or wait for the customer" if capabilities.templates else " until the customer writes"
    return f"🔒 Closed{template}"


def _until(end: datetime, now: datetime) -> str:
    told = words.clock(reaching.rounded(end))
    return f"⏳ {told}, less than 2 h" if end - now <= reaching.SOON else told


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


def _links(
    connection: Connection, conversation: Conversation, link: ThreadLink, channels: Mapping[str, ChannelInfo]
) -> list[CardLink]:
    """Her other conversations, on whichever channel they were."""
    found = repository.earlier(connection, conversation)
    if conversation.joined_id is not None:
        found.insert(0, repository.conversation(connection, conversation.joined_id))
    hers = {address.id: address.account for address in contacts.addresses_of(connection, conversation.contact_id)}
    several = len(set(hers.values())) > 1
    result = []
    for other in found:
        by = f" by {_title(channels, hers[other.address_id])}" if several and other.address_id in hers else ""
        thread = _thread_in(threads.links_of(connection, other.id), link.workspace)
        result.append(CardLink(label=f"#{other.number}{by}, {words.clock(other.created_at)}", thread=thread))
    return result


def _title(channels: Mapping[str, ChannelInfo], account: str) -> str:
    info = channels.get(account)
    return info.title if info else account


def _thread_in(links: list[ThreadLink], workspace: str) -> ThreadRef | None:
    return next((link.ref for link in links if link.workspace == workspace and link.thread), None)


def fingerprint(card: Card, first: object) -> str:
    """Equal for two cards that would look the same."""
    return hashlib.sha256(repr((card, first)).encode("utf-8", "surrogatepass")).hexdigest()
