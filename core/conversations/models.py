"""Tables and records of conversations and messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Row, String, Table, Text, UniqueConstraint

from core.contracts.bridge import DeliveryStatus
from core.storage.base import Id, Json, Moment, metadata

conversations = Table(
    "conversations",
    metadata,
    Column("id", Id, primary_key=True),
    # What people call it: #1042.
    Column("number", Integer, nullable=False, unique=True),
    Column("contact_id", Id, ForeignKey("contacts.id"), nullable=False, index=True),
    # The address she used last: where replies go.
    Column("address_id", Id, ForeignKey("addresses.id"), nullable=False),
    # The contact's person while open, null when closed: one open conversation per person, decided by the index.
    Column("open_key", Id, unique=True),
    Column("state", String(16), nullable=False),
    Column("holder", String(16), nullable=False),
    Column("owner", String(128), nullable=False),
    Column("owner_name", String(200), nullable=False),
    # As her workplace vouches for it, case-folded, or "": tells that somebody in another workplace is she.
    Column("owner_email", String(320), nullable=False, server_default=""),
    Column("route", String(64), nullable=False),
    Column("reply_mode", String(16), nullable=False),
    Column("subject", String(500), nullable=False),
    # Stands for the conversation outside, in reply addresses; unguessable.
    Column("token", String(24), nullable=False, unique=True),
    Column("last_in_at", Moment, nullable=False),
    Column("last_out_at", Moment),
    Column("snoozed_until", Moment),
    Column("closed_at", Moment),
    # The conversation in which she goes on, where two of one person were open.
    Column("joined_id", Id, index=True),
    Column("created_at", Moment, nullable=False),
    Index("conversations_owner", "owner", "state", "last_in_at"),
    Index("conversations_owner_email", "owner_email", "state", "last_in_at"),
)

messages = Table(
    "messages",
    metadata,
    Column("id", Id, primary_key=True),
    Column("conversation_id", Id, ForeignKey("conversations.id"), nullable=False),
    Column("address_id", Id, ForeignKey("addresses.id"), nullable=False),
    Column("account", String(64), nullable=False),
    # The vendor's id: the first one where a message went out in several pieces.
    Column("external_id", String(998)),
    Column("direction", String(8), nullable=False),
    Column("author", String(128), nullable=False),
    Column("author_name", String(200), nullable=False),
    Column("author_avatar_url", String(2000), nullable=False),
    Column("body", Json, nullable=False),
    Column("full_text", Text, nullable=False),
    Column("subject", String(500), nullable=False),
    Column("quote_id", Id),
    Column("status", String(16), nullable=False),
    Column("problem", String(1000), nullable=False),
    Column("reactions", Json, nullable=False),
    # Counts edits; part of the keys of the jobs that carry them.
    Column("revision", Integer, nullable=False),
    Column("cursor", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("rank", BigInteger),
    Column("hold_until", Moment),
    Column("at", Moment, nullable=False),
    Column("edited_at", Moment),
    Column("deleted_at", Moment),
    Column("created_at", Moment, nullable=False),
    # The choices, cards and questions of a message to her: `core.contracts.text.offer_to_json`.
    Column("offer", Json),
    # What she chose by this message: its value and label.
    Column("choice", Json),
    # The approved template it is sent as, with its values.
    Column("template", Json),
    Index("messages_conversation", "conversation_id", "id"),
    Index("messages_cursor", "address_id", "cursor"),
    UniqueConstraint("account", "external_id", "direction"),
)

#: Every vendor id of a message that went out in several pieces.
message_pieces = Table(
    "message_pieces",
    metadata,
    Column("message_id", Id, ForeignKey("messages.id"), primary_key=True),
    Column("piece", Integer, primary_key=True),
    Column("account", String(64), nullable=False),
    Column("external_id", String(998), nullable=False),
    Index("message_pieces_external", "account", "external_id"),
)

message_revisions = Table(
    "message_revisions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("message_id", Id, ForeignKey("messages.id"), nullable=False, index=True),
    Column("body", Json, nullable=False),
    Column("at", Moment, nullable=False),
)

attachments = Table(
    "attachments",
    metadata,
    Column("id", Id, primary_key=True),
    Column("message_id", Id, ForeignKey("messages.id"), nullable=False, index=True),
    Column("position", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("name", String(200), nullable=False),
    Column("mime", String(200), nullable=False),
    Column("size", BigInteger),
    Column("alt", String(1000), nullable=False),
    # "bridge:<account>" or "workspace:<name>": who fetches `source`.
    Column("holder", String(80), nullable=False),
    Column("source", Text),
    Column("sha256", String(64), index=True),
    Column("problem", String(1000)),
)


class State(StrEnum):
    OPEN = "open"
    SNOOZED = "snoozed"
    CLOSED = "closed"


class Holder(StrEnum):
    """Who answers next."""

    BOT = "bot"
    QUEUE = "queue"
    AGENT = "agent"


class Direction(StrEnum):
    IN = "in"
    OUT = "out"
    NOTE = "note"
    #: A correction that was offered: it becomes a reply if the agent sends it.
    DRAFT = "draft"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    id: UUID
    number: int
    contact_id: UUID
    address_id: UUID
    state: State
    holder: Holder
    #: "<workspace>/<agent id>", or "".
    owner: str
    owner_name: str
    owner_email: str
    route: str
    reply_mode: str
    subject: str
    token: str
    last_in_at: datetime
    last_out_at: datetime | None
    snoozed_until: datetime | None
    closed_at: datetime | None
    created_at: datetime
    joined_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    id: UUID
    conversation_id: UUID
    address_id: UUID
    account: str
    external_id: str | None
    direction: Direction
    author: str
    author_name: str
    author_avatar_url: str
    #: `core.contracts.text.to_json` of the tree.
    body: list[Any]
    full_text: str
    subject: str
    quote_id: UUID | None
    status: DeliveryStatus
    problem: str
    #: "customer" and "agent" to emoji.
    reactions: Mapping[str, str]
    revision: int
    cursor: int
    position: int
    rank: int | None
    hold_until: datetime | None
    at: datetime
    edited_at: datetime | None
    deleted_at: datetime | None
    #: `core.contracts.text.offer_to_json`; None: it offers nothing.
    offer: Mapping[str, Any] | None = None
    #: "value", "label" and "typed", what she wrote instead of pressing a button; None: it chooses nothing.
    choice: Mapping[str, str] | None = None
    #: "name", "language", "category" and "values"; None: it is no template.
    template: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAttachment:
    id: UUID
    message_id: UUID
    position: int
    kind: str
    name: str
    mime: str
    size: int | None
    alt: str
    holder: str
    source: str | None
    sha256: str | None
    problem: str | None

    @property
    def pending(self) -> bool:
        return self.sha256 is None and self.problem is None


def to_conversation(row: Row[Any]) -> Conversation:
    return Conversation(
        id=row.id,
        number=row.number,
        contact_id=row.contact_id,
        address_id=row.address_id,
        state=State(row.state),
        holder=Holder(row.holder),
        owner=row.owner,
        owner_name=row.owner_name,
        owner_email=row.owner_email,
        route=row.route,
        reply_mode=row.reply_mode,
        subject=row.subject,
        token=row.token,
        last_in_at=row.last_in_at,
        last_out_at=row.last_out_at,
        snoozed_until=row.snoozed_until,
        closed_at=row.closed_at,
        created_at=row.created_at,
        joined_id=row.joined_id,
    )


def to_message(row: Row[Any]) -> Message:
    return Message(
        id=row.id,
        conversation_id=row.conversation_id,
        address_id=row.address_id,
        account=row.account,
        external_id=row.external_id,
        direction=Direction(row.direction),
        author=row.author,
        author_name=row.author_name,
        author_avatar_url=row.author_avatar_url,
        body=row.body,
        full_text=row.full_text,
        subject=row.subject,
        quote_id=row.quote_id,
        status=DeliveryStatus(row.status),
        problem=row.problem,
        reactions=row.reactions,
        revision=row.revision,
        cursor=row.cursor,
        position=row.position,
        rank=row.rank,
        hold_until=row.hold_until,
        at=row.at,
        edited_at=row.edited_at,
        deleted_at=row.deleted_at,
        offer=row.offer,
        choice=row.choice,
        template=row.template,
    )


def to_attachment(row: Row[Any]) -> StoredAttachment:
    return StoredAttachment(**{name: getattr(row, name) for name in StoredAttachment.__slots__})
