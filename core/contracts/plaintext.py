"""Bare text into the tree and the tree into bare text, which every channel can carry."""

from __future__ import annotations

import re
from collections.abc import Iterable

from core.contracts.richtext import (
    Block,
    CodeBlock,
    Document,
    Heading,
    Inline,
    Link,
    ListBlock,
    ListItem,
    Mark,
    Mention,
    Paragraph,
    Quote,
    Text,
)
from core.contracts.strings import is_blank, line, safe_url

#: Deepest indentation that is drawn.
MAX_DEPTH = 8
_URL = re.compile(
    r"(?<![A-Za-z0-9_+.-])https?://[^\s<>\"\\^`{}|\x00-\x20\x7f-\xa0，。！？；：、（）【】「」『』《》〈〉“”‘’«»…]+",
    re.IGNORECASE,
)
_CLOSING = {")": "(", "]": "["}
_PARAGRAPHS = re.compile(r"\n(?:[ \t]*\n)+")


def _trimmed(url: str) -> str:
    """`url` without the punctuation of the sentence around it; brackets it opened itself stay."""
    end = len(url)
    excess = {closing: url.count(closing) - url.count(opening) for closing, opening in _CLOSING.items()}
    while end:
        char = url[end - 1]
        if char in _CLOSING:
            if excess[char] <= 0:
                break
            excess[char] -= 1
        elif char not in ".,;:!?'*_~":
            break
        end -= 1
    return url[:end]


def linked(text: str, marks: frozenset[Mark] = frozenset()) -> Iterable[Inline]:
    """`text` as runs in which bare http and https addresses are links."""
    start = 0
    for found in _URL.finditer(text):
        url = _trimmed(found[0])
        if safe_url(url) is None:
            continue
        if found.start() > start:
            yield Text(text=text[start : found.start()], marks=marks)
        yield Link(url=url, label=url, marks=marks)
        start = found.start() + len(url)
    if start < len(text):
        yield Text(text=text[start:], marks=marks)


def from_plain(text: str) -> Document:
    """A customer's bare `text`: empty lines part paragraphs, web addresses are links, nothing else is interpreted."""
    return Document(
        blocks=tuple(
            Paragraph(inlines=tuple(linked(part))) for part in _PARAGRAPHS.split(text.strip("\n")) if part.strip()
        )
    )


def inline_text(inline: Inline) -> str:
    """One run as bare text."""
    if isinstance(inline, Link):
        if not inline.label or inline.label in (inline.url, inline.url.removeprefix("mailto:").removeprefix("tel:")):
            return inline.label or inline.url
        return f"{inline.label} ({inline.url})"
    return inline.label if isinstance(inline, Mention) else inline.text


def _inlines(inlines: Iterable[Inline]) -> str:
    return "".join(inline_text(inline) for inline in inlines)


def _item(item: ListItem) -> str:
    indent = "  " * min(max(item.depth, 0), MAX_DEPTH)
    bullet = f"{item.number}. " if item.ordered else "- "
    return indent + bullet + _inlines(item.inlines).replace("\n", "\n" + indent + " " * len(bullet))


def block_text(block: Block) -> str:
    """One block as bare text."""
    match block:
        case CodeBlock():
            return block.text
        case ListBlock():
            return "\n".join(_item(item) for item in block.items)
        case Quote():
            return "> " + _inlines(block.inlines).replace("\n", "\n> ")
        case Paragraph() | Heading():
            return _inlines(block.inlines)


def plain(document: Document) -> str:
    """The whole of `document` as text that needs no markup."""
    return "\n\n".join(text for text in map(block_text, document.blocks) if text)


def preview(document: Document, limit: int = 200) -> str:
    """The beginning of `document` on one line."""
    return line(plain(document), limit=limit)


def is_empty(document: Document) -> bool:
    """Whether a reader would see nothing."""
    return all(is_blank(_visible(block)) for block in document.blocks)


def _visible(block: Block) -> str:
    match block:
        case CodeBlock():
            return block.text
        case ListBlock():
            return "".join(_inlines(item.inlines) for item in block.items)
        case Paragraph() | Heading() | Quote():
            return _inlines(block.inlines)
