"""The append-only record of facts: cards, metrics and audit read it, and nothing else is the truth about the past."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Connection, Index, String, Table, insert, select

from core.storage.base import Id, Json, Moment, metadata
from core.storage.ids import new_id

events = Table(
    "events",
    metadata,
    Column("id", Id, primary_key=True),
    Column("conversation_id", Id),
    Column("message_id", Id),
    Column("kind", String(32), nullable=False),
    # "customer", "system", or "<workspace>/<agent id>".
    Column("actor", String(128), nullable=False),
    Column("data", Json, nullable=False),
    Column("at", Moment, nullable=False),
    Index("events_conversation", "conversation_id", "id"),
    Index("events_kind", "kind", "at"),
)


class Fact(StrEnum):
    OPENED = "opened"
    REOPENED = "reopened"
    ROUTED = "routed"
    RECEIVED = "received"
    EDITED = "edited"
    DELETED = "deleted"
    SWITCHED_CHANNEL = "switched_channel"
    CLAIMED = "claimed"
    REPLIED = "replied"
    NOTED = "noted"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    RETRIED = "retried"
    DISCARDED = "discarded"
    RESTORED = "restored"
    MIRRORED = "mirrored"
    SNOOZED = "snoozed"
    WOKEN = "woken"
    CLOSED = "closed"
    REACTED = "reacted"
    UNREACHABLE = "unreachable"
    REACHABLE = "reachable"
    WINDOW_CHANGED = "window_changed"
    ROOM_CLOSED = "room_closed"
    ROOM_OPENED = "room_opened"
    ROOM_MOVED = "room_moved"
    PAUSED = "paused"
    RESUMED = "resumed"
    #: Two contacts are one customer from now on, and not any more.
    LINKED = "linked"
    UNLINKED = "unlinked"
    #: The conversation was closed because its customer goes on in another.
    JOINED = "joined"
    #: She was asked to prove that an address is hers, and did.
    PROOF_ASKED = "proof_asked"
    PROVEN = "proven"
    ADDRESS_CHANGED = "address_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    kind: Fact
    actor: str
    data: Mapping[str, Any]
    at: datetime
    message_id: UUID | None


def record(
    connection: Connection,
    kind: Fact,
    *,
    at: datetime,
    actor: str,
    conversation_id: UUID | None = None,
    message_id: UUID | None = None,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Appends one fact. `data` holds ids, names and numbers, never message text."""
    connection.execute(
        insert(events),
        [
            {
                "id": new_id(),
                "conversation_id": conversation_id,
                "message_id": message_id,
                "kind": kind.value,
                "actor": actor,
                "data": dict(data or {}),
                "at": at,
            }
        ],
    )


def about(
    connection: Connection,
    kind: Fact,
    conversation_id: UUID,
    at: datetime,
    actor: str,
    data: Mapping[str, Any] | None = None,
    *,
    message_id: UUID | None = None,
) -> None:
    """Appends a fact about one conversation."""
    record(
        connection,
        kind,
        at=at,
        actor=actor,
        conversation_id=conversation_id,
        message_id=message_id,
        data=data,
    )


def history(connection: Connection, conversation_id: UUID) -> list[Recorded]:
    rows = connection.execute(select(events).where(events.c.conversation_id == conversation_id).order_by(events.c.id))
    return [
        Recorded(kind=Fact(row.kind), actor=row.actor, data=row.data, at=row.at, message_id=row.message_id)
        for row in rows
    ]
