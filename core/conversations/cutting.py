"""Cuts a message into what one call can carry: pieces for a channel, parts for a workplace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from core.contracts.content import Capabilities, Choice, Content, OfferedCard, TextUnit
from core.contracts.richtext import Document
from core.contracts.text import from_json, from_plain, is_empty, measure, offer_from_json, plain, split
from core.contracts.workplace import WorkplaceCapabilities
from core.conversations.models import Message, StoredAttachment
from core.conversations.presenting import Presented, presented, written

#: Agents see this many characters of one message; more would fill a room, and is read on demand.
SHOWN = 12_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One call to the channel: some text, one file, or a file with its caption, and what is offered with it."""

    text: Document | None
    #: Position of the attachment, or None.
    attachment: int | None
    choices: tuple[Choice, ...] = ()
    cards: tuple[OfferedCard, ...] = ()


def pieces_of(message: Message, attachments: Sequence[StoredAttachment], capabilities: Capabilities) -> list[Piece]:
    """How a stored message is cut for a channel."""
    body = from_json(message.body)
    if message.template is not None:
        # The vendor puts it together itself: it is one call, however long it reads.
        return [Piece(text=body, attachment=None)]
    return pieces(body, attachments, capabilities, offer_from_json(message.offer))


def pieces(
    body: Document, attachments: Sequence[StoredAttachment], capabilities: Capabilities, offer: Content | None = None
) -> list[Piece]:
    """How a message is cut for a channel; what it offers goes out last, so that nothing of ours covers it."""
    shows = presented(body, offer, capabilities) if offer is not None else Presented(body=body)
    texts = _texts(shows, capabilities)
    files = list(attachments)
    beside = _beside(texts, capabilities) if files and not shows.choices and not shows.cards else None
    result: list[Piece] = []
    last = texts.pop() if shows.choices or (shows.cards and _above(texts, capabilities)) else None
    if beside is not None:
        caption = Piece(text=texts.pop(beside), attachment=files.pop(0).position)
        result.extend(Piece(text=text, attachment=None) for text in texts)
        result.append(caption)
    else:
        result.extend(Piece(text=text, attachment=None) for text in texts)
    result.extend(Piece(text=None, attachment=file.position) for file in files)
    if shows.choices or shows.cards:
        result.append(Piece(text=last, attachment=None, choices=shows.choices, cards=shows.cards))
    return result


def _texts(shows: Presented, capabilities: Capabilities) -> list[Document]:
    """The words in parts; the last one is short enough to stand above buttons."""
    if is_empty(shows.body):
        return []
    cut = partial(split, unit=capabilities.text_unit, fewest=capabilities.costly)
    texts = cut(shows.body, limit=capabilities.max_text)
    above = capabilities.max_choice_text
    if shows.choices and above is not None and len(shows.choices) <= capabilities.max_choices:
        texts[-1:] = cut(texts[-1], limit=above)
    return texts


def _beside(texts: Sequence[Document], capabilities: Capabilities) -> int | None:
    """Which part of the words stands beside a file: all of them, or the rest of them where every message costs."""
    if not texts or (len(texts) > 1 and not capabilities.costly):
        return None
    fits = measure(plain(texts[-1]), capabilities.text_unit) <= capabilities.max_caption
    return len(texts) - 1 if fits else None


def _above(texts: Sequence[Document], capabilities: Capabilities) -> bool:
    return bool(texts) and capabilities.cards is not None and capabilities.cards.with_text


def thread_body(message: Message) -> Document:
    """The words of a message as agents read them: with its cards and questions, and with what an answer chose."""
    body = from_json(message.body)
    if message.offer is not None:
        return written(body, offer_from_json(message.offer))
    typed = message.choice.get("typed", "") if message.choice else ""
    if message.choice and typed and typed.casefold() != message.choice["label"].casefold():
        return from_plain(f"{message.choice['label']} (“{typed}”)")
    return body


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
