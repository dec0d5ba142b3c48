"""A customer's own conversation as she may read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import Connection

from core.contacts import repository as contacts
from core.contracts.bridge import ExternalId, TranscriptItem
from core.contracts.content import Attachment, Capabilities, Content
from core.contracts.text import from_json, offer_from_json
from core.conversations import repository
from core.conversations.models import Direction, Message, StoredAttachment
from core.conversations.presenting import presented


def changed_after(
    connection: Connection,
    account: str,
    external_id: str,
    cursor: int,
    limit: int,
    attachment: Callable[[StoredAttachment], Attachment],
    capabilities: Capabilities | None = None,
) -> list[TranscriptItem]:
    """What changed for one address after `cursor`, oldest change first: never a note, never a held reply."""
    address = contacts.address(connection, account, external_id)
    if address is None:
        return []
    changed = repository.changed_after(connection, address.id, cursor, limit)
    return [_item(connection, message, attachment, capabilities) for message in changed]


def _item(
    connection: Connection,
    message: Message,
    attachment: Callable[[StoredAttachment], Attachment],
    capabilities: Capabilities | None,
) -> TranscriptItem:
    deleted = message.deleted_at is not None
    attachments = [] if deleted else repository.attachments_of(connection, message.id)
    return TranscriptItem(
        message_id=str(message.id),
        cursor=message.cursor,
        position=message.position,
        external_id=ExternalId(message.external_id) if message.external_id else None,
        from_customer=message.direction is Direction.IN,
        author=message.author_name,
        author_avatar_url=message.author_avatar_url,
        content=Content()
        if deleted
        else replace(_said(message, capabilities), attachments=tuple(attachment(stored) for stored in attachments)),
        quote=str(message.quote_id) if message.quote_id else None,
        at=message.at,
        edited=message.edited_at is not None,
        deleted=deleted,
        status=message.status,
        reactions=message.reactions,
    )


def _said(message: Message, capabilities: Capabilities | None) -> Content:
    """The words, and what they offer as her channel draws it."""
    body = from_json(message.body)
    if message.offer is None or capabilities is None:
        return Content(body=body)
    shows = presented(body, offer_from_json(message.offer), capabilities)
    return Content(body=shows.body, choices=shows.choices, cards=shows.cards)
