"""Cuts a message into what one call can carry: pieces for a channel, parts for a workplace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.contracts.content import Capabilities, TextUnit
from core.contracts.richtext import Document
from core.contracts.text import is_empty, measure, plain, split
from core.contracts.workplace import WorkplaceCapabilities
from core.conversations.models import StoredAttachment

#: Agents see this many characters of one message; more would fill a room, and is read on demand.
SHOWN = 12_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One call to the channel: some text, one file, or a file with its caption."""

    text: Document | None
    #: Position of the attachment, or None.
    attachment: int | None


def pieces(body: Document, attachments: Sequence[StoredAttachment], capabilities: Capabilities) -> list[Piece]:
    """How a message is cut for a channel."""
    texts = [] if is_empty(body) else split(body, limit=capabilities.max_text, unit=capabilities.text_unit)
    files = list(attachments)
    result: list[Piece] = []
    caption_fits = len(texts) == 1 and measure(plain(texts[0]), capabilities.text_unit) <= capabilities.max_caption
    if files and caption_fits:
        result.append(Piece(text=texts[0], attachment=files.pop(0).position))
        texts = []
    result.extend(Piece(text=text, attachment=None) for text in texts)
    result.extend(Piece(text=None, attachment=file.position) for file in files)
    return result


def post_parts(body: Document, capabilities: WorkplaceCapabilities) -> list[Document]:
    """The text of a message as agents see it, cut for a workplace; at least one part, which may be empty."""
    if is_empty(body):
        return [Document()]
    return split(shown(body), limit=capabilities.max_text, unit=TextUnit.CHARACTER)


def shown(body: Document) -> Document:
    """As much of a text as is shown in a thread."""
    if len(plain(body)) <= SHOWN:
        return body
    return split(body, limit=SHOWN, unit=TextUnit.CHARACTER)[0]


def file_part(position: int) -> int:
    """The number of the part that shows the attachment at that position."""
    return -1 - position
