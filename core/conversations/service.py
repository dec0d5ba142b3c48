"""What happens to a conversation: opened, written to, answered, claimed, closed, woken."""

from __future__ import annotations

import secrets
from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, Connection, Integer, String, Table

from core.contacts import repository as contacts
from core.contacts.models import Address, Contact
from core.contracts.places import RoomRef
from core.contracts.text import line
from core.contracts.workplace import AgentProfile, Standing
from core.conversations import events, repository, threads
from core.conversations.events import Fact
from core.conversations.models import Conversation, Holder, Message, State, conversations
from core.conversations.threads import ThreadLink
from core.routing import rooms
from core.routing.rules import Rule
from core.storage.base import metadata
from core.storage.ids import new_id
from core.storage.storage import insert as upsert

#: Conversations are counted from here, so that the first customer is not #1.
_FIRST_NUMBER = 1001
_TOKEN_BYTES = 12

counters = Table(
    "counters", metadata, Column("name", String(32), primary_key=True), Column("value", Integer, nullable=False)
)

CUSTOMER = "customer"
SYSTEM = "system"
BOT = "bot"


def automated(message: Message) -> bool:
    """Nobody wrote it herself."""
    return message.author in (SYSTEM, BOT)


def actor(agent: AgentProfile) -> str:
    """An agent as owner and actor: unique over all workspaces."""
    return f"{agent.workspace}/{agent.agent_id}"


def vouched_email(agent: AgentProfile) -> str:
    """The email by which a member is known in every workplace, or ""; a guest's is not the organisation's."""
    return agent.email.strip().casefold()[:320] if agent.standing is Standing.MEMBER else ""


def owns(current: Conversation, agent: AgentProfile) -> bool:
    """Whether it is hers; somebody in two workplaces is known by the email that both vouch for."""
    if current.owner == actor(agent):
        return True
    elsewhere = bool(current.owner) and current.owner.partition("/")[0] != agent.workspace
    return elsewhere and bool(current.owner_email) and current.owner_email == vouched_email(agent)


class ConversationService:
    """What happens to a conversation as a whole."""

    def open(
        self,
        connection: Connection,
        contact: Contact,
        address: Address,
        rule: Rule,
        *,
        subject: str,
        now: datetime,
    ) -> Conversation:
        """A new conversation, shown in the rooms of its rule. Two at once for one contact make one."""
        conversation_id = new_id()
        result = connection.execute(
            upsert(connection, conversations)
            .values(
                id=conversation_id,
                number=_next(connection, "conversation", _FIRST_NUMBER),
                contact_id=contact.id,
                address_id=address.id,
                open_key=contact.person_id,
                state=State.OPEN.value,
                holder=Holder.QUEUE.value,
                owner="",
                owner_name="",
                owner_email="",
                route=rule.name,
                reply_mode=rule.reply_mode.value,
                subject=line(subject, limit=500),
                token=_token(),
                last_in_at=now,
                created_at=now,
            )
            .on_conflict_do_nothing(index_elements=["open_key"])
        )
        if not result.rowcount:
            current = repository.open_conversation(connection, contact.id)
            assert current is not None
            return current
        events.about(connection, Fact.OPENED, conversation_id, now, CUSTOMER, {"account": address.account})
        for ref in rule.rooms:
            self.add_thread(connection, conversation_id, ref, now)
        events.about(
            connection,
            Fact.ROUTED,
            conversation_id,
            now,
            SYSTEM,
            {"rule": rule.name, "rooms": [f"{ref.workspace}/{ref.room}" for ref in rule.rooms]},
        )
        return repository.conversation(connection, conversation_id)

    def add_thread(
        self, connection: Connection, conversation_id: UUID, ref: RoomRef, now: datetime, *, added_by: str = ""
    ) -> ThreadLink:
        """A place where the conversation will be shown; the opening post is the worker's."""
        room = ref.room
        if room.startswith("#"):
            room = rooms.named(connection, ref.workspace, room) or room
        link_id = new_id()
        link = ThreadLink(
            id=link_id,
            conversation_id=conversation_id,
            workspace=ref.workspace,
            room=room,
            place=f"{ref.workspace}:{room}:{link_id}",
            thread=None,
            first_message_id=None,
            card_hash="",
            card_version=0,
            added_by=line(added_by, limit=200),
        )
        threads.add_link(connection, link, now)
        return link

    def reopen(self, connection: Connection, current: Conversation, now: datetime, who: str) -> Conversation:
        repository.change_conversation(
            connection,
            current.id,
            state=State.OPEN.value,
            open_key=contacts.person(connection, current.contact_id),
            joined_id=None,
            holder=Holder.AGENT.value if current.owner else Holder.QUEUE.value,
            closed_at=None,
            snoozed_until=None,
        )
        kind = Fact.WOKEN if current.state is State.SNOOZED else Fact.REOPENED
        events.about(connection, kind, current.id, now, who)
        return repository.conversation(connection, current.id)

    def can_open(self, connection: Connection, current: Conversation) -> bool:
        """A contact has one open conversation at most."""
        other = repository.open_conversation(connection, current.contact_id)
        return other is None or other.id == current.id

    def close(self, connection: Connection, current: Conversation, agent: AgentProfile, now: datetime) -> None:
        repository.change_conversation(
            connection,
            current.id,
            state=State.CLOSED.value,
            open_key=None,
            closed_at=now,
            snoozed_until=None,
        )
        events.about(connection, Fact.CLOSED, current.id, now, actor(agent))

    def snooze(
        self, connection: Connection, current: Conversation, agent: AgentProfile, until: datetime, now: datetime
    ) -> None:
        repository.change_conversation(
            connection,
            current.id,
            state=State.SNOOZED.value,
            snoozed_until=until,
            open_key=contacts.person(connection, current.contact_id),
            joined_id=None,
            closed_at=None,
        )
        data = {"until": until.isoformat()}
        events.about(connection, Fact.SNOOZED, current.id, now, actor(agent), data)

    def claim(self, connection: Connection, current: Conversation, agent: AgentProfile, now: datetime) -> None:
        repository.change_conversation(
            connection,
            current.id,
            owner=actor(agent),
            owner_name=line(agent.name, limit=200),
            owner_email=vouched_email(agent),
            holder=Holder.AGENT.value,
        )
        events.about(connection, Fact.CLAIMED, current.id, now, actor(agent), {"from": current.owner})


def _next(connection: Connection, name: str, first: int) -> int:
    value: int = connection.execute(
        upsert(connection, counters)
        .values(name=name, value=first)
        .on_conflict_do_update(index_elements=["name"], set_={"value": counters.c.value + 1})
        .returning(counters.c.value)
    ).scalar_one()
    return value


def _token() -> str:
    alphabet = "abcdefghijkmnpqrstuvwxyz23456789"
    return "".join(secrets.choice(alphabet) for _ in range(_TOKEN_BYTES * 8 // 5 + 1))
