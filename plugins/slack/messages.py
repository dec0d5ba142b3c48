"""Slack's message objects as content for the core; pure but for the names that are looked up by the caller."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from core.contracts.content import Attachment, Content, MediaKind
from core.contracts.places import PostRef
from core.contracts.richtext import Document, Link, Paragraph, Text, document
from core.contracts.text import file_name
from plugins.slack.parse import Names, document_of, document_of_text, is_rich

Json = Mapping[str, Any]

#: What `fetch` gets back; the file's id is the whole of it.
SOURCE = "slack:"
#: More than Slack's composer takes at once.
MAX_FILES = 20
# https://docs.slack.dev/reference/objects/file-object: modes that have no bytes.
GONE = {
    "tombstone": "It was deleted in Slack.",
    "hidden_by_limit": "Slack hides it because the workspace's plan keeps no older files.",
}
_PERMALINK = re.compile(r"https?://[^/]+/archives/([A-Z0-9]+)/p([0-9]{10,12})([0-9]{6})(?:[?#].*)?")


def content_of(message: Json, names: Names) -> Content:
    """What a message says and carries."""
    files = message.get("files") or ()
    return Content(
        body=_body(message, names),
        attachments=tuple(_attachment(file) for file in files[:MAX_FILES] if isinstance(file, dict)),
    )


def same(message: Json, previous: Json) -> bool:
    """Whether a change left the words and files as they were: a link preview, a reply count."""
    return _essence(message) == _essence(previous)


def split_quote(content: Content, workspace: str, room: str, thread: str) -> tuple[Content, PostRef | None]:
    """Takes a pasted link to another message of the room off the text: that is how Slack's people quote."""
    for position, block in enumerate(content.body.blocks):
        if not isinstance(block, Paragraph):
            continue
        for index, inline in enumerate(block.inlines):
            found = _PERMALINK.fullmatch(inline.url) if isinstance(inline, Link) else None
            if not found or found[1] != room:
                continue
            quote = PostRef(workspace=workspace, room=room, thread=thread, post=f"{found[2]}.{found[3]}")
            runs = [*block.inlines[:index], *block.inlines[index + 1 :]]
            rest = [*content.body.blocks]
            rest[position : position + 1] = _trimmed(runs)
            return Content(body=document(rest), attachments=content.attachments, choices=content.choices), quote
    return content, None


def _trimmed(runs: Sequence[Any]) -> list[Paragraph]:
    """A paragraph without the blank ends that a removed link left."""
    kept = list(runs)
    while kept and isinstance(kept[0], Text) and not kept[0].text.strip():
        kept.pop(0)
    while kept and isinstance(kept[-1], Text) and not kept[-1].text.strip():
        kept.pop()
    if kept and isinstance(kept[0], Text):
        kept[0] = Text(text=kept[0].text.lstrip(), marks=kept[0].marks)
    if kept and isinstance(kept[-1], Text):
        kept[-1] = Text(text=kept[-1].text.rstrip(), marks=kept[-1].marks)
    return [Paragraph(inlines=tuple(kept))] if kept else []


def _body(message: Json, names: Names) -> Document:
    blocks = message.get("blocks") or ()
    return document_of(blocks, names) if is_rich(blocks) else document_of_text(str(message.get("text") or ""), names)


def _essence(message: Json) -> tuple[Any, ...]:
    blocks = message.get("blocks") or ()
    files = [(file.get("id"), file.get("mode") == "tombstone") for file in message.get("files") or ()]
    rich = [block.get("elements") for block in blocks if block.get("type") == "rich_text"]
    return rich or message.get("text") or "", files


def _attachment(file: Json) -> Attachment:
    name = file_name(str(file.get("name") or file.get("title") or "file"))
    mode = str(file.get("mode") or "")
    if mode in GONE:
        return Attachment(kind=MediaKind.FILE, name=name, problem=GONE[mode])
    if file.get("is_external") or mode == "external":
        where = str(file.get("external_type") or "another service")
        return Attachment(
            kind=MediaKind.FILE, name=name, problem=f"It is kept in {where}, not in Slack; send a link to it instead."
        )
    size = file.get("size")
    return Attachment(
        kind=_kind(file),
        name=name,
        mime=str(file.get("mimetype") or "application/octet-stream"),
        size=size if isinstance(size, int) and size > 0 else None,
        source=f"{SOURCE}{file.get('id')}",
        alt=str(file.get("alt_txt") or "")[:1_000],
    )


def _kind(file: Json) -> MediaKind:
    if file.get("subtype") == "slack_audio":
        return MediaKind.VOICE
    if file.get("subtype") == "slack_video":
        return MediaKind.VIDEO
    family = str(file.get("mimetype") or "").partition("/")[0]
    kinds = {"image": MediaKind.IMAGE, "video": MediaKind.VIDEO, "audio": MediaKind.AUDIO}
    return kinds.get(family, MediaKind.FILE)
