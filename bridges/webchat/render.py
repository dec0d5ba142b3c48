"""Draws a visitor's transcript as the frames that her browser shows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from bridges.webchat.items import reference
from bridges.webchat.tokens import Purpose, Tokens
from core.contracts.bridge import DeliveryStatus, TranscriptItem
from core.contracts.content import Attachment
from core.contracts.richtext import Block, CodeBlock, Document, Heading, Inline, Link, ListBlock, Mention, Text

FILE_LASTS = timedelta(days=7)
DAY = 86_400
#: An agent's message is hers only once it left: a held, cancelled or failed one is never shown.
UNSEEN = (DeliveryStatus.QUEUED, DeliveryStatus.CANCELLED, DeliveryStatus.FAILED)


def visible(item: TranscriptItem) -> bool:
    return item.from_customer or item.status not in UNSEEN


def links_until(now: datetime) -> datetime:
    """When links to files made now end: the same all day, so that the browser's cache knows them again."""
    return now - timedelta(seconds=now.timestamp() % DAY) + timedelta(days=1) + FILE_LASTS


def to_frame(item: TranscriptItem, *, visitor_id: str, tokens: Tokens, now: datetime) -> dict[str, Any]:
    drawn: dict[str, Any] = {
        "id": _reference(visitor_id, item),
        "mid": item.message_id,
        "pos": item.position,
        "me": item.from_customer,
        "author": item.author,
        "avatar": _https(item.author_avatar_url),
        "at": item.at.isoformat(),
        "edited": item.edited,
        "deleted": item.deleted,
        "status": item.status.value,
        "reactions": dict(item.reactions),
    }
    if not item.deleted:
        content = item.content
        drawn["body"] = to_tree(content.body)
        drawn["files"] = [_file(file, visitor_id, tokens, now) for file in content.attachments]
        drawn["choices"] = [{"value": choice.value, "label": choice.label} for choice in content.choices]
        drawn["quote"] = item.quote and (reference(visitor_id, item.quote) or item.quote)
    return {"type": "event", "cursor": item.cursor, "item": drawn}


def to_tree(body: Document) -> list[dict[str, Any]]:
    return [_block(block) for block in body.blocks]


def _reference(visitor_id: str, item: TranscriptItem) -> str:
    known = reference(visitor_id, item.external_id) if item.external_id else None
    return known or f"m/{item.message_id}"


def _block(block: Block) -> dict[str, Any]:
    match block:
        case CodeBlock():
            return {"t": "code", "s": block.text, "lang": block.language}
        case ListBlock():
            return {
                "t": "list",
                "items": [
                    {"c": _inlines(item.inlines), "depth": item.depth, "n": item.number if item.ordered else None}
                    for item in block.items
                ],
            }
        case Heading():
            return {"t": "heading", "level": block.level, "c": _inlines(block.inlines)}
        case _:
            return {"t": type(block).__name__.lower(), "c": _inlines(block.inlines)}


def _inlines(inlines: Iterable[Inline]) -> list[dict[str, Any]]:
    return [_inline(inline) for inline in inlines]


def _inline(inline: Inline) -> dict[str, Any]:
    match inline:
        case Text():
            return {"s": inline.text, "m": sorted(inline.marks)} if inline.marks else {"s": inline.text}
        case Link():
            return {"s": inline.label or inline.url, "u": inline.url, "m": sorted(inline.marks)}
        case Mention():
            return {"s": inline.label, "m": ["bold"]}


def _file(file: Attachment, visitor_id: str, tokens: Tokens, now: datetime) -> dict[str, Any]:
    drawn: dict[str, Any] = {"kind": file.kind.value, "name": file.name, "mime": file.mime, "alt": file.alt}
    if file.file is not None:
        drawn["size"] = file.file.size
        drawn["mime"] = file.file.mime
        value = {"s": file.file.sha256, "n": file.name, "v": visitor_id}
        drawn["url"] = "files/" + tokens.sign(Purpose.FILE, value, until=links_until(now))
    else:
        drawn["problem"] = file.problem or f"The file {file.name} is not here yet."
    return drawn


def _https(url: str) -> str:
    try:
        return url if urlsplit(url).scheme == "https" else ""
    except ValueError:
        return ""
