"""What happens to a message: written by a customer or an agent, edited, reacted to, delivered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert

from core.contacts import repository as contacts
from core.contacts.models import Address
from core.contracts.bridge import DeliveryStatus, MessageReceived
from core.contracts.content import Attachment, Content
from core.contracts.templates import TemplateUse
from core.contracts.text import file_name, line, normalise, offer_to_json, to_json
from core.contracts.workplace import AgentProfile
from core.conversations import events, repository
from core.conversations.events import Fact
from core.conversations.models import Conversation, Direction, Message, messages
from core.conversations.service import CUSTOMER, SYSTEM, actor
from core.storage.ids import new_id
from core.storage.storage import insert as upsert


class MessageService:
    """The only writer of messages.

    `touched(connection, account, address id)` is called whenever what that customer may read has changed.
    """

    def __init__(self, touched: Callable[[Connection, str, UUID], None]) -> None:
        self._touched = touched

    def received(
        self,
        connection: Connection,
        current: Conversation,
        address: Address,
        event: MessageReceived,
        now: datetime,
        *,
        rank: int | None,
        choice: Mapping[str, str] | None = None,
        follow: bool = True,
    ) -> Message | None:
        """Stores a customer's message; None: it is stored already. `follow`: replies go where it came from."""
        quote = self._quoted(connection, address.account, event.quote, current.id)
        cursor = contacts.next_cursor(connection, address.id)
        values = {
            **_blank(),
            "id": new_id(),
            "conversation_id": current.id,
            "address_id": address.id,
            "account": address.account,
            "external_id": event.external_id,
            "direction": Direction.IN.value,
            "author": CUSTOMER,
            "body": to_json(event.content.body),
            "full_text": normalise(event.full_text, limit=200_000),
            "subject": line(event.subject, limit=500),
            "quote_id": quote,
            "status": DeliveryStatus.DELIVERED.value,
            "cursor": cursor,
            "position": cursor,
            "rank": rank,
            "choice": dict(choice) if choice else None,
            "at": event.at,
            "created_at": now,
        }
        result = connection.execute(
            upsert(connection, messages)
            .values(**values)
            .on_conflict_do_nothing(index_elements=["account", "external_id", "direction"])
        )
        if not result.rowcount:
            return None
        self._touched(connection, address.account, address.id)
        message = repository.message(connection, values["id"])
        self._attach(connection, message, event.content.attachments, f"bridge:{address.account}")
        changes: dict[str, Any] = {"last_in_at": max(now, current.last_in_at)}
        if event.subject and not current.subject:
            changes["subject"] = line(event.subject, limit=500)
        if follow and address.id != current.address_id:
            changes["address_id"] = address.id
            events.about(connection, Fact.SWITCHED_CHANNEL, current.id, now, CUSTOMER, {"account": address.account})
        repository.change_conversation(connection, current.id, **changes)
        events.about(
            connection, Fact.RECEIVED, current.id, now, CUSTOMER, {"account": address.account}, message_id=message.id
        )
        return message

    def replied(
        self,
        connection: Connection,
        current: Conversation,
        agent: AgentProfile,
        content: Content,
        *,
        quote_id: UUID | None,
        hold_until: datetime | None,
        at: datetime,
        now: datetime,
        template: TemplateUse | None = None,
    ) -> Message:
        """Stores an agent's reply to the address the customer used last."""
        address = contacts.address_by_id(connection, current.address_id)
        message = self._own(connection, current, address, agent, content, Direction.OUT, quote_id, hold_until, at, now)
        if template is not None:
            repository.change_message(connection, message.id, template=asdict(template))
            message = repository.message(connection, message.id)
        self._replied(connection, current, address, agent, message, now)
        return message

    def _replied(
        self,
        connection: Connection,
        current: Conversation,
        address: Address,
        agent: AgentProfile,
        message: Message,
        now: datetime,
    ) -> None:
        repository.change_conversation(connection, current.id, last_out_at=now)
        if message.offer is not None:
            contacts.change_address(connection, address.id, {"offered_at": now})
        data = {"account": address.account}
        if message.template is not None:
            data["template"] = message.template["name"]
        events.about(connection, Fact.REPLIED, current.id, now, actor(agent), data, message_id=message.id)

    def noted(
        self,
        connection: Connection,
        current: Conversation,
        agent: AgentProfile,
        content: Content,
        *,
        at: datetime,
        now: datetime,
    ) -> Message:
        """Stores words that only agents see."""
        address = contacts.address_by_id(connection, current.address_id)
        message = self._own(connection, current, address, agent, content, Direction.NOTE, None, None, at, now)
        events.about(connection, Fact.NOTED, current.id, now, actor(agent), message_id=message.id)
        return message

    def drafted(
        self,
        connection: Connection,
        current: Conversation,
        agent: AgentProfile,
        content: Content,
        *,
        corrects: UUID,
        now: datetime,
    ) -> Message:
        """Stores words that are sent if the agent says so; until then they are nothing that happened."""
        address = contacts.address_by_id(connection, current.address_id)
        return self._own(connection, current, address, agent, content, Direction.DRAFT, corrects, None, now, now)

    def released(
        self, connection: Connection, current: Conversation, message: Message, agent: AgentProfile, now: datetime
    ) -> Message:
        """A note or draft becomes a reply, to the address the customer used last."""
        address = contacts.address_by_id(connection, current.address_id)
        cursor = contacts.next_cursor(connection, address.id)
        repository.change_message(
            connection,
            message.id,
            direction=Direction.OUT.value,
            address_id=address.id,
            account=address.account,
            revision=message.revision + 1,
            rank=int(now.timestamp() * 1_000_000),
            hold_until=None,
            cursor=cursor,
            position=cursor,
            at=now,
        )
        self._replied(connection, current, address, agent, message, now)
        return repository.message(connection, message.id)

    def again(
        self, connection: Connection, message: Message, agent: AgentProfile, now: datetime, *, afresh: bool
    ) -> Message:
        """What failed is on its way once more; `afresh` as a message of its own, which the vendor names anew."""
        self.advance(connection, message, DeliveryStatus.QUEUED, now)
        if afresh:
            repository.forget_pieces(connection, message.id)
            repository.change_message(connection, message.id, external_id=None, revision=message.revision + 1)
        events.about(connection, Fact.RETRIED, message.conversation_id, now, actor(agent), message_id=message.id)
        return repository.message(connection, message.id)

    def _own(
        self,
        connection: Connection,
        current: Conversation,
        address: Address,
        agent: AgentProfile,
        content: Content,
        direction: Direction,
        quote_id: UUID | None,
        hold_until: datetime | None,
        at: datetime,
        now: datetime,
    ) -> Message:
        cursor = contacts.next_cursor(connection, address.id)
        message_id = new_id()
        values = {
            **_blank(),
            "id": message_id,
            "conversation_id": current.id,
            "address_id": address.id,
            "account": address.account,
            "direction": direction.value,
            "author": actor(agent),
            "author_name": line(agent.name, limit=200),
            "author_avatar_url": agent.avatar_url[:2000],
            "body": to_json(content.body),
            "offer": offer_to_json(content) or None,
            "quote_id": quote_id,
            "status": DeliveryStatus.QUEUED.value,
            "cursor": cursor,
            "position": cursor,
            "rank": int(at.timestamp() * 1_000_000),
            "hold_until": hold_until,
            "at": at,
            "created_at": now,
        }
        connection.execute(insert(messages), [values])
        message = repository.message(connection, message_id)
        self._attach(connection, message, content.attachments, f"workspace:{agent.workspace}")
        return message

    def revise(self, connection: Connection, message: Message, content: Content | None, now: datetime) -> Message:
        """Replaces a message's words, keeping the old ones; None deletes it."""
        repository.add_revision(connection, {"id": new_id(), "message_id": message.id, "body": message.body, "at": now})
        changes: dict[str, Any] = {
            "revision": message.revision + 1,
            "cursor": contacts.next_cursor(connection, message.address_id),
        }
        if content is None:
            changes["deleted_at"] = now
        else:
            changes["edited_at"] = now
            changes["body"] = to_json(content.body)
        repository.change_message(connection, message.id, **changes)
        self._touched(connection, message.account, message.address_id)
        by = CUSTOMER if message.direction is Direction.IN else message.author
        kind = Fact.DELETED if content is None else Fact.EDITED
        events.about(connection, kind, message.conversation_id, now, by, message_id=message.id)
        return repository.message(connection, message.id)

    def restored(
        self,
        connection: Connection,
        message: Message,
        content: Content | None,
        now: datetime,
        *,
        kept: bool,
    ) -> Message:
        """Brings back what was deleted; `kept`: as a note, since the customer does not have it."""
        changes: dict[str, Any] = {
            "revision": message.revision + 1,
            "cursor": contacts.next_cursor(connection, message.address_id),
            "deleted_at": None,
        }
        if content is not None:
            changes["body"] = to_json(content.body)
        if kept:
            # As if it had never left: the vendor names it anew if it is sent after all.
            repository.forget_pieces(connection, message.id)
            changes |= {
                "direction": Direction.NOTE.value,
                "status": DeliveryStatus.QUEUED.value,
                "external_id": None,
                "problem": "",
                "hold_until": None,
            }
        repository.change_message(connection, message.id, **changes)
        self._touched(connection, message.account, message.address_id)
        events.about(connection, Fact.RESTORED, message.conversation_id, now, message.author, message_id=message.id)
        return repository.message(connection, message.id)

    def react(
        self, connection: Connection, message: Message, side: str, emoji: str | None, now: datetime, who: str
    ) -> Message:
        """Puts the customer's or the agents' reaction on a message; `side` is "customer" or "agent"."""
        reactions = {name: value for name, value in message.reactions.items() if name != side}
        if emoji is not None:
            reactions[side] = emoji[:16]
        cursor = contacts.next_cursor(connection, message.address_id)
        repository.change_message(connection, message.id, reactions=reactions, cursor=cursor)
        self._touched(connection, message.account, message.address_id)
        events.about(
            connection, Fact.REACTED, message.conversation_id, now, who, {"emoji": emoji or ""}, message_id=message.id
        )
        return repository.message(connection, message.id)

    def advance(
        self, connection: Connection, message: Message, status: DeliveryStatus, now: datetime, *, problem: str = ""
    ) -> bool:
        """Moves a message's status forward; False: it is there, or further, already."""
        order = list(DeliveryStatus)
        forward = order.index(status) > order.index(message.status)
        if message.status in (DeliveryStatus.FAILED, DeliveryStatus.CANCELLED):
            forward = message.status is DeliveryStatus.FAILED and status in (
                DeliveryStatus.QUEUED,
                DeliveryStatus.SENT,
                DeliveryStatus.DELIVERED,
                DeliveryStatus.READ,
                DeliveryStatus.CANCELLED,
            )
        elif status is DeliveryStatus.CANCELLED:
            # What has left cannot be unsent by calling it so.
            forward = message.status is DeliveryStatus.QUEUED
        elif status is DeliveryStatus.FAILED and message.status in (DeliveryStatus.DELIVERED, DeliveryStatus.READ):
            forward = False
        if not forward:
            return False
        cursor = contacts.next_cursor(connection, message.address_id)
        repository.change_message(connection, message.id, status=status.value, problem=problem[:1000], cursor=cursor)
        self._touched(connection, message.account, message.address_id)
        kind = _STATUS_FACTS.get(status)
        if kind is not None:
            events.about(
                connection, kind, message.conversation_id, now, SYSTEM, {"problem": problem}, message_id=message.id
            )
        return True

    def _quoted(
        self, connection: Connection, account: str, external_id: str | None, conversation_id: UUID
    ) -> UUID | None:
        if not external_id:
            return None
        quoted = repository.message_by_external(connection, account, external_id)
        # Another conversation's words are never shown in this one.
        return quoted.id if quoted and quoted.conversation_id == conversation_id else None

    def _attach(self, connection: Connection, message: Message, attachments: Sequence[Attachment], holder: str) -> None:
        repository.add_attachments(
            connection,
            [
                {
                    "id": new_id(),
                    "message_id": message.id,
                    "position": position,
                    "kind": attachment.kind.value,
                    "name": file_name(attachment.name),
                    "mime": attachment.mime[:200],
                    "size": attachment.file.size if attachment.file else attachment.size,
                    "alt": line(attachment.alt, limit=1000),
                    "holder": holder,
                    "source": attachment.source,
                    "sha256": attachment.file.sha256 if attachment.file else None,
                    "problem": attachment.problem,
                }
                for position, attachment in enumerate(attachments)
            ],
        )


_STATUS_FACTS = {
    DeliveryStatus.SENT: Fact.SENT,
    DeliveryStatus.DELIVERED: Fact.DELIVERED,
    DeliveryStatus.READ: Fact.READ,
    DeliveryStatus.FAILED: Fact.FAILED,
    DeliveryStatus.CANCELLED: Fact.DISCARDED,
}


def _blank() -> dict[str, Any]:
    return {
        "external_id": None,
        "author_name": "",
        "author_avatar_url": "",
        "full_text": "",
        "subject": "",
        "quote_id": None,
        "problem": "",
        "reactions": {},
        "revision": 0,
        "rank": None,
        "hold_until": None,
        "edited_at": None,
        "deleted_at": None,
        "offer": None,
        "choice": None,
        "template": None,
    }
