"""Looks conversations up by what people remember of them: number, customer, subject, words of the last messages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, case, cast, literal, or_, select

from core.contacts.models import addresses, contacts
from core.conversations.models import Conversation, Direction, conversations, messages, to_conversation

MOST_WORDS = 6
#: Only the conversations with the newest activity are looked at, and of each only its last messages.
_CONVERSATIONS, _MESSAGES = 2_000, 10


def conversations_with(connection: Connection, words: Sequence[str], *, offset: int, limit: int) -> list[Conversation]:
    """Those in which every word is found; the one of that number first, then the newest. Without words the latest."""
    newest = (
        select(conversations.c.id).order_by(conversations.c.last_in_at.desc()).limit(_CONVERSATIONS).scalar_subquery()
    )
    query = (
        select(conversations)
        .join(contacts, contacts.c.id == conversations.c.contact_id)
        .join(addresses, addresses.c.id == conversations.c.address_id)
    )
    numbers = [int(word.lstrip("#")) for word in words if word.lstrip("#").isdecimal() and len(word) <= 9]
    order: list[ColumnElement[Any]] = [conversations.c.last_in_at.desc(), conversations.c.id.desc()]
    if words:
        old = conversations.c.number.in_(numbers) if numbers else literal(False)
        query = query.where(or_(conversations.c.id.in_(newest), old), *(_found(word) for word in words))
    if numbers:
        order.insert(0, case((conversations.c.number.in_(numbers), 0), else_=1))
    rows = connection.execute(query.order_by(*order).offset(offset).limit(limit))
    return [to_conversation(row) for row in rows]


def _found(word: str) -> ColumnElement[bool]:
    fields = (
        contacts.c.name,
        addresses.c.username,
        addresses.c.email,
        addresses.c.phone,
        conversations.c.subject,
    )
    found = [_contains(field, word) for field in fields]
    number = word.lstrip("#")
    if number.isdecimal() and len(number) <= 9:
        found.append(conversations.c.number == int(number))
    last = (
        select(messages.c.id)
        .where(
            messages.c.conversation_id == conversations.c.id,
            messages.c.direction.in_([Direction.IN.value, Direction.OUT.value]),
            messages.c.deleted_at.is_(None),
        )
        .order_by(messages.c.id.desc())
        .limit(_MESSAGES)
        .correlate(conversations)
        .scalar_subquery()
    )
    # As it stands in the column: JSON without escapes but for quotes and the like.
    written = json.dumps(word, ensure_ascii=False)[1:-1]
    body = select(messages.c.id).where(messages.c.id.in_(last), _contains(cast(messages.c.body, Text), written))
    found.append(body.correlate(conversations).exists())
    return or_(*found)


def _contains(column: ColumnElement[str], word: str) -> ColumnElement[bool]:
    """Without regard to case; SQLite folds only ASCII, so the usual spellings are asked for one by one."""
    spellings = {word, word.lower(), word.upper(), word.capitalize()} if not word.isascii() else {word}
    return or_(*(column.icontains(one, autoescape=True) for one in sorted(spellings)))
