"""What is said before a customer's message is shown: that she is back, came another way, or may not be she."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from core.contacts.models import Address, Contact
from core.contacts.naming import name_of
from core.contracts.posts import Tone
from core.contracts.text import from_plain
from core.conversations.dispatch import Dispatcher
from core.conversations.models import Conversation, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A message that was just stored, and how it came."""

    message: Message
    #: As it was before the message.
    conversation: Conversation
    contact: Contact
    address: Address
    #: What people call the channel.
    title: str
    reopened: bool
    #: The address is one of the customer whose conversation it is.
    hers: bool
    #: It proves less than the address did before.
    unproven: bool


def announce(connection: Connection, dispatcher: Dispatcher, arrived: Arrived) -> None:
    """Says what agents need to know of it, each once."""
    message, conversation_id = arrived.message, arrived.conversation.id
    if arrived.reopened:
        text = f"{arrived.contact.name or 'The customer'} wrote again. The conversation is open."
        dispatcher.notice(connection, conversation_id, from_plain(text), key=f"reopened:{message.id}")
    if not arrived.hers:
        who = f"{arrived.contact.name or arrived.address.external_id} ({arrived.address.external_id})"
        text = f"{who} is new in this conversation and was not identified as the customer. "
        text += "Replies still go to the customer."
        key = f"participant:{conversation_id}:{arrived.address.id}"
        dispatcher.notice(connection, conversation_id, from_plain(text), key=key)
    if arrived.unproven:
        text = "Careful: the next message could not be proven to come from this customer."
        key = f"unproven:{message.id}"
        dispatcher.notice(connection, conversation_id, from_plain(text), key=key, tone=Tone.FAILURE)
    elif arrived.hers and arrived.address.id != arrived.conversation.address_id:
        text = f"{name_of(arrived.contact, arrived.address)} continued by {arrived.title}. Replies follow her there."
        dispatcher.notice(connection, conversation_id, from_plain(text), key=f"continued:{message.id}")
