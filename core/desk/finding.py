"""The message that a button speaks of."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection

from core.conversations import repository
from core.conversations.models import Message
from core.desk.replies import Where


def message_in(connection: Connection, where: Where, value: str) -> Message | None:
    """The message of that id; None: there is none in this conversation, whatever a button says."""
    try:
        message = repository.find_message(connection, UUID(value))
    except ValueError:
        return None
    return message if message and message.conversation_id == where.conversation.id else None
