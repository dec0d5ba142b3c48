"""What a card says about who the customer is: her other addresses, what she only claims, what to be careful about."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from core.cards import words
from core.contacts import repository as contacts
from core.contacts.models import Address
from core.contacts.naming import handle, plain_key
from core.contacts.service import weaker
from core.contracts.actions import ActionId
from core.contracts.bridge import Proof
from core.contracts.posts import Action, Fact
from core.conversations.models import Conversation, State
from core.identity.proving import claims

_LEVELS = {Proof.VERIFIED: " (verified)", Proof.CLAIMED: " (not proven)"}


def facts(
    connection: Connection, conversation: Conversation, address: Address, title: Callable[[str], str]
) -> list[Fact]:
    """Beside what `address` itself proves; `title` is what people call the channel of an account."""
    found = []
    if address.renumbered_at is not None:
        since = words.clock(address.renumbered_at)
        found.append(Fact(label="Number changed", value=f"⚠️ {since}: what was known by the old one is not shown"))
    others = [one for one in contacts.addresses_of(connection, conversation.contact_id) if one.id != address.id]
    if others:
        listed = ", ".join(
            f"{title(one.account)} {handle(one)}".rstrip() + _LEVELS.get(one.level, "") for one in others
        )
        found.append(Fact(label="Also writes from", value=listed))
    if claimed := claims(connection, conversation.contact_id):
        found.append(Fact(label="Claims to be", value=f"{', '.join(map(plain_key, claimed))} (not proven)"))
    return found


def actions(connection: Connection, conversation: Conversation, address: Address) -> tuple[Action, ...]:
    """What can be done about it."""
    if conversation.state is State.CLOSED:
        return ()
    value = str(conversation.id)
    merge = Action(id=ActionId.MERGE, label="Merge", value=value, asks=True)
    if not claims(connection, conversation.contact_id) and not weaker(address.level, Proof.CHANNEL):
        return (merge,)
    return (Action(id=ActionId.VERIFY, label="Ask to verify", value=value, asks=True), merge)
