"""What an agent can do when an address cannot be written to: send an approved template, or use another address."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from core.contacts import repository as contacts
from core.contacts.models import Address
from core.contacts.service import weaker
from core.contracts.actions import ActionId
from core.contracts.bridge import Proof
from core.contracts.errors import FailureReason
from core.contracts.posts import Action
from core.contracts.text import cut
from core.conversations.dispatch import Dispatcher
from core.conversations.models import Conversation
from core.conversations.reaching import reach

#: Reasons for which the same words may reach her elsewhere.
_ELSEWHERE = frozenset(
    {
        FailureReason.WINDOW_CLOSED,
        FailureReason.RECIPIENT_GONE,
        FailureReason.OPTED_OUT,
        FailureReason.POLICY,
        FailureReason.RATE_POLICY,
        FailureReason.TOO_LARGE,
        FailureReason.UNSUPPORTED,
        FailureReason.MISCONFIGURED,
        FailureReason.OWNED_ELSEWHERE,
    }
)
_TEMPLATES = frozenset({FailureReason.WINDOW_CLOSED})
_MOST_ADDRESSES = 2
_LABEL = 60


def instead(
    connection: Connection,
    dispatcher: Dispatcher,
    conversation: Conversation,
    address: Address,
    reason: FailureReason,
    now: datetime,
    *,
    message_id: UUID | None = None,
) -> tuple[Action, ...]:
    """The next steps, the most promising first; `message_id`: words that a press sends along."""
    capabilities = dispatcher.capabilities(address.account)
    steps = []
    if reason in _TEMPLATES and capabilities is not None and capabilities.templates:
        value = str(conversation.id)
        steps.append(Action(id=ActionId.TEMPLATE, label="Send a template", value=value, style="primary", asks=True))
    if reason in _ELSEWHERE:
        for other in others(connection, dispatcher, conversation, address, now)[:_MOST_ADDRESSES]:
            value = f"{message_id}:{other.id}" if message_id else str(other.id)
            steps.append(Action(id=ActionId.SWITCH, label=f"Use {described(dispatcher, other)}", value=value))
    return tuple(steps)


def others(
    connection: Connection, dispatcher: Dispatcher, conversation: Conversation, address: Address, now: datetime
) -> list[Address]:
    """Her other proven addresses that can be written to now, the one she used last first."""
    found = []
    for other in contacts.addresses_of(connection, conversation.contact_id):
        capabilities = dispatcher.capabilities(other.account)
        if other.id == address.id or capabilities is None or weaker(other.level, Proof.CHANNEL) or not other.reachable:
            continue
        if reach(other, capabilities, now).reason is None:
            found.append(other)
    return sorted(found, key=lambda other: other.seen_at, reverse=True)


def described(dispatcher: Dispatcher, address: Address) -> str:
    """`Email ada@example.com`, as a button or a sentence has room for it."""
    what = address.email or (f"@{address.username}" if address.username else "") or address.phone
    return cut(f"{dispatcher.title(address.account)} {what}".rstrip(), _LABEL)
