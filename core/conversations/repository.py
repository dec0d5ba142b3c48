"""The queries on conversations, messages and attachments."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, and_, bindparam, delete, func, insert, or_, select, update

from core.contacts import repository as contacts
from core.contracts.bridge import DeliveryStatus
from core.conversations.models import (
    Conversation,
    Direction,
    Message,
    StoredAttachment,
    attachments,
    conversations,
    message_pieces,
    message_revisions,
    messages,
    to_attachment,
    to_conversation,
    to_message,
)
from core.storage.storage import insert as upsert

# Composed once: these run for every message, and composing costs more than running.
_CONVERSATION = select(conversations).where(conversations.c.id == bindparam("id"))
_MESSAGE = select(messages).where(messages.c.id == bindparam("id"))
_ATTACHMENTS = (
    select(attachments).where(attachments.c.message_id == bindparam("message")).order_by(attachments.c.position)
)


_LATEST = conversations.c.last_in_at.desc()
#: Directions of what customer and agents say to each other.
_SPOKEN = (Direction.IN.value, Direction.OUT.value)


def conversation(connection: Connection, conversation_id: UUID) -> Conversation:
    return to_conversation(connection.execute(_CONVERSATION, {"id": conversation_id}).one())


def _first(connection: Connection, query: Select[Any]) -> Conversation | None:
    row = connection.execute(query).first()
    return to_conversation(row) if row else None


def open_conversation(connection: Connection, contact_id: UUID) -> Conversation | None:
    """The one open conversation of the person behind that contact."""
    return _first(connection, select(conversations).where(conversations.c.open_key == contacts.person_key(contact_id)))


def latest_conversation(connection: Connection, contact_id: UUID) -> Conversation | None:
    """The latest of the person behind that contact; none that goes on in another."""
    return _first(
        connection,
        select(conversations)
        .where(conversations.c.contact_id.in_(contacts.linked(contact_id)), conversations.c.joined_id.is_(None))
        .order_by(conversations.c.id.desc())
        .limit(1),
    )


def conversation_by_token(connection: Connection, token: str) -> Conversation | None:
    return _first(connection, select(conversations).where(conversations.c.token == token))


def conversation_by_number(connection: Connection, number: int) -> Conversation | None:
    return _first(connection, select(conversations).where(conversations.c.number == number))


def earlier(connection: Connection, current: Conversation, limit: int = 3) -> list[Conversation]:
    """Those of the person, over all her addresses, and those that go on in this one; the latest first."""
    before = or_(conversations.c.id < current.id, conversations.c.joined_id == current.id)
    rows = connection.execute(
        select(conversations)
        .where(conversations.c.contact_id.in_(contacts.linked(current.contact_id)), before)
        .order_by(conversations.c.id.desc())
        .limit(limit)
    )
    return [to_conversation(row) for row in rows]


def conversations_of(connection: Connection, contact_id: UUID, *, limit: int) -> list[Conversation]:
    """Those of the person behind that contact, the latest first."""
    query = select(conversations).where(conversations.c.contact_id.in_(contacts.linked(contact_id)))
    rows = connection.execute(query.order_by(conversations.c.id.desc()).limit(limit))
    return [to_conversation(row) for row in rows]


def last_address(connection: Connection, conversation_id: UUID, address_ids: Collection[UUID]) -> UUID | None:
    """From which of these addresses the customer wrote last in that conversation."""
    query = select(messages.c.address_id).where(
        messages.c.conversation_id == conversation_id,
        messages.c.direction == Direction.IN.value,
        messages.c.address_id.in_(list(address_ids)),
    )
    found: UUID | None = connection.execute(query.order_by(messages.c.id.desc()).limit(1)).scalar()
    return found


def listed(
    connection: Connection, *, state: str | None = None, owner: str | None = None, limit: int = 50
) -> list[Conversation]:
    """Newest activity first."""
    query = select(conversations).order_by(conversations.c.last_in_at.desc()).limit(limit)
    if state is not None:
        query = query.where(conversations.c.state == state)
    if owner is not None:
        query = query.where(conversations.c.owner == owner)
    return [to_conversation(row) for row in connection.execute(query)]


def owned(connection: Connection, owner: str, email: str, state: str, limit: int) -> list[Conversation]:
    """The agent's own in that state, newest activity first; those she took in another workplace by her email."""
    hers = conversations.c.owner == owner
    if email:
        workspace = owner.partition("/")[0]
        elsewhere = ~conversations.c.owner.startswith(f"{workspace}/", autoescape=True)
        hers = or_(hers, and_(conversations.c.owner_email == email, elsewhere))
    query = select(conversations).where(hers, conversations.c.state == state)
    return [to_conversation(row) for row in connection.execute(query.order_by(_LATEST).limit(limit))]


def unowned(connection: Connection, limit: int) -> list[Conversation]:
    """Open ones that nobody has, the longest waiting first."""
    query = select(conversations).where(conversations.c.owner == "", conversations.c.state == "open")
    return [to_conversation(row) for row in connection.execute(query.order_by(conversations.c.last_in_at).limit(limit))]


def change_conversation(connection: Connection, conversation_id: UUID, **values: Any) -> None:
    connection.execute(update(conversations).where(conversations.c.id == conversation_id).values(**values))


def message(connection: Connection, message_id: UUID) -> Message:
    return to_message(connection.execute(_MESSAGE, {"id": message_id}).one())


def find_message(connection: Connection, message_id: UUID) -> Message | None:
    row = connection.execute(select(messages).where(messages.c.id == message_id)).first()
    return to_message(row) if row else None


def message_by_external(
    connection: Connection, account: str, external_id: str, direction: Direction | None = None
) -> Message | None:
    query = select(messages).where(messages.c.account == account, messages.c.external_id == external_id)
    if direction is not None:
        query = query.where(messages.c.direction == direction.value)
    row = connection.execute(query).first()
    if row is None and direction is not Direction.IN:
        row = connection.execute(
            select(messages)
            .join(message_pieces, message_pieces.c.message_id == messages.c.id)
            .where(message_pieces.c.account == account, message_pieces.c.external_id == external_id)
        ).first()
    return to_message(row) if row else None


def change_message(connection: Connection, message_id: UUID, **values: Any) -> None:
    connection.execute(update(messages).where(messages.c.id == message_id).values(**values))


def add_revision(connection: Connection, values: dict[str, Any]) -> None:
    connection.execute(insert(message_revisions), [values])


def revisions(connection: Connection, message_id: UUID) -> list[Any]:
    query = select(message_revisions.c.body).where(message_revisions.c.message_id == message_id)
    return list(connection.execute(query.order_by(message_revisions.c.id)).scalars())


def messages_of(connection: Connection, conversation_id: UUID, *, limit: int = 500) -> list[Message]:
    rows = connection.execute(
        select(messages).where(messages.c.conversation_id == conversation_id).order_by(messages.c.id).limit(limit)
    )
    return [to_message(row) for row in rows]


def so_far(connection: Connection, conversation_id: UUID, most: int) -> tuple[Message | None, list[Message], int]:
    """The first message that is still true, the latest `most` of the others in order, and how many lie between."""
    kept = (
        messages.c.conversation_id == conversation_id,
        messages.c.direction != Direction.DRAFT.value,
        messages.c.deleted_at.is_(None),
        messages.c.status != DeliveryStatus.CANCELLED.value,
    )
    found = select(messages).where(*kept)
    first = connection.execute(found.order_by(messages.c.id).limit(1)).first()
    if first is None:
        return None, [], 0
    rows = connection.execute(found.where(messages.c.id > first.id).order_by(messages.c.id.desc()).limit(most)).all()
    count = connection.execute(select(func.count()).select_from(messages).where(*kept)).scalar_one()
    return to_message(first), [to_message(row) for row in reversed(rows)], count - 1 - len(rows)


def message_ids(connection: Connection, conversation_id: UUID, *, limit: int) -> list[UUID]:
    """The conversation's first messages."""
    query = select(messages.c.id).where(messages.c.conversation_id == conversation_id)
    return list(connection.execute(query.order_by(messages.c.id).limit(limit)).scalars())


def changed_after(connection: Connection, address_id: UUID, cursor: int, limit: int) -> list[Message]:
    """What the customer at that address may read and has changed since, oldest change first."""
    rows = connection.execute(
        select(messages)
        .where(
            messages.c.address_id == address_id,
            messages.c.cursor > cursor,
            or_(messages.c.direction == Direction.IN.value, messages.c.external_id.is_not(None)),
            messages.c.direction.in_(_SPOKEN),
        )
        .order_by(messages.c.cursor)
        .limit(limit)
    )
    return [to_message(row) for row in rows]


def unread_until(connection: Connection, address_id: UUID, position: int) -> list[Message]:
    """Replies to that address, up to that position, that are not known to be read."""
    rows = connection.execute(
        select(messages)
        .where(
            messages.c.address_id == address_id,
            messages.c.direction == Direction.OUT.value,
            messages.c.position <= position,
            messages.c.status.in_(["sent", "delivered"]),
        )
        .order_by(messages.c.position.desc())
        .limit(100)
    )
    return [to_message(row) for row in rows]


def sent_to(connection: Connection, address_id: UUID, *, since: datetime | None = None) -> list[Message]:
    """The last messages that reached that address from us, the latest first."""
    query = select(messages).where(
        messages.c.address_id == address_id,
        messages.c.direction == Direction.OUT.value,
        messages.c.external_id.is_not(None),
        messages.c.deleted_at.is_(None),
    )
    if since is not None:
        query = query.where(messages.c.at >= since)
    rows = connection.execute(query.order_by(messages.c.position.desc()).limit(20))
    return [to_message(row) for row in rows]


def vendor_history(connection: Connection, conversation_id: UUID, account: str, limit: int = 20) -> list[str]:
    """Vendor ids of the conversation on that account, oldest first."""
    rows = connection.execute(
        select(messages.c.external_id)
        .where(
            messages.c.conversation_id == conversation_id,
            messages.c.account == account,
            messages.c.external_id.is_not(None),
        )
        .order_by(messages.c.id.desc())
        .limit(limit)
    ).scalars()
    return [str(value) for value in rows][::-1]


def add_piece(connection: Connection, message_id: UUID, piece: int, account: str, external_id: str) -> None:
    connection.execute(
        upsert(connection, message_pieces)
        .values(message_id=message_id, piece=piece, account=account, external_id=external_id)
        .on_conflict_do_update(index_elements=["message_id", "piece"], set_={"external_id": external_id})
    )


def forget_pieces(connection: Connection, message_id: UUID) -> None:
    connection.execute(delete(message_pieces).where(message_pieces.c.message_id == message_id))


def pieces(connection: Connection, message_id: UUID) -> dict[int, str]:
    rows = connection.execute(
        select(message_pieces.c.piece, message_pieces.c.external_id)
        .where(message_pieces.c.message_id == message_id)
        .order_by(message_pieces.c.piece)
    )
    return {row.piece: row.external_id for row in rows}


def attachments_of(connection: Connection, message_id: UUID) -> list[StoredAttachment]:
    return [to_attachment(row) for row in connection.execute(_ATTACHMENTS, {"message": message_id})]


def attachment(connection: Connection, attachment_id: UUID) -> StoredAttachment:
    return to_attachment(connection.execute(select(attachments).where(attachments.c.id == attachment_id)).one())


def add_attachments(connection: Connection, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(attachments), rows)


def remove_attachments(connection: Connection, message_id: UUID) -> None:
    connection.execute(delete(attachments).where(attachments.c.message_id == message_id))


def change_attachment(connection: Connection, attachment_id: UUID, **values: Any) -> None:
    connection.execute(update(attachments).where(attachments.c.id == attachment_id).values(**values))


def last_message(connection: Connection, conversation_id: UUID) -> Message | None:
    """The latest words between customer and agents; notes do not count."""
    row = connection.execute(
        select(messages)
        .where(messages.c.conversation_id == conversation_id, messages.c.direction.in_(_SPOKEN))
        .order_by(messages.c.id.desc())
        .limit(1)
    ).first()
    return to_message(row) if row else None


def last_reply(connection: Connection, conversation_id: UUID) -> Message | None:
    row = connection.execute(
        select(messages)
        .where(messages.c.conversation_id == conversation_id, messages.c.direction == Direction.OUT.value)
        .order_by(messages.c.id.desc())
        .limit(1)
    ).first()
    return to_message(row) if row else None


def snoozed_due(connection: Connection, now: datetime) -> list[Conversation]:
    rows = connection.execute(
        select(conversations).where(conversations.c.state == "snoozed", conversations.c.snoozed_until <= now)
    )
    return [to_conversation(row) for row in rows]


def files_in_use(connection: Connection, sums: Collection[str]) -> list[str]:
    """Those of the sums that a message has."""
    query = select(attachments.c.sha256).where(attachments.c.sha256.in_(list(sums))).distinct()
    return [str(value) for value in connection.execute(query).scalars()]
