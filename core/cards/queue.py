"""An agent's own page: what is hers, what waits for anybody, what sleeps, and what does not work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from core.cards import words
from core.cards.card import actions_for
from core.contacts import repository as contacts
from core.contracts.actions import ActionId
from core.contracts.posts import Queue, QueueItem
from core.contracts.text import from_json, preview
from core.contracts.workplace import AgentProfile
from core.conversations import repository, threads
from core.conversations.models import Conversation, Direction, State
from core.conversations.service import actor, vouched_email

_MOST = 20


def build(connection: Connection, agent: AgentProfile, troubles: tuple[str, ...], now: datetime) -> Queue:
    """The queue of one agent, as it is now."""
    me, email = actor(agent), vouched_email(agent)

    def items(found: Sequence[Conversation]) -> tuple[QueueItem, ...]:
        return tuple(_item(connection, conversation, agent, now) for conversation in found)

    return Queue(
        mine=items(repository.owned(connection, me, email, State.OPEN.value, _MOST)),
        waiting=items(repository.unowned(connection, _MOST)),
        snoozed=items(repository.owned(connection, me, email, State.SNOOZED.value, _MOST)),
        troubles=troubles,
    )


def _item(connection: Connection, conversation: Conversation, agent: AgentProfile, now: datetime) -> QueueItem:
    contact = contacts.contact(connection, conversation.contact_id)
    address = contacts.address_by_id(connection, conversation.address_id)
    last = repository.last_message(connection, conversation.id)
    links = threads.links_of(connection, conversation.id)
    thread = next((link.ref for link in links if link.workspace == agent.workspace and link.thread), None)
    if conversation.state is State.SNOOZED and conversation.snoozed_until is not None:
        status = f"snoozed until {words.clock(conversation.snoozed_until, agent.timezone)}"
    elif last is not None and last.direction is Direction.IN:
        status = f"waiting {words.ago(conversation.last_in_at, now)}"
    else:
        status = "answered"
    return QueueItem(
        title=f"{words.name_of(contact, address)} · #{conversation.number}",
        status=status,
        text=preview(from_json(last.body), 120) if last else "",
        thread=thread,
        actions=tuple(a for a in actions_for(conversation) if a.id in (ActionId.CLAIM, ActionId.RESOLVE)),
    )
