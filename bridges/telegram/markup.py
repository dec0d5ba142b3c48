"""Telegram's text with entities, from and to the tree; offsets count UTF-16 units."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import Any

from core.contracts import richtext as tree
from core.contracts.content import TextUnit
from core.contracts.plaintext import block_text, inline_text
from core.contracts.richtext import Inline, Link, Mark, Text
from core.contracts.text import measure, normalise, safe_url

# https://core.telegram.org/bots/api#messageentity
_MARKS = {
    "bold": Mark.BOLD,
    "italic": Mark.ITALIC,
    "underline": Mark.UNDERLINE,
    "strikethrough": Mark.STRIKE,
    "spoiler": Mark.SPOILER,
    "code": Mark.CODE,
}
_KINDS = {mark: kind for kind, mark in _MARKS.items()}
_BOXES = ("pre", "blockquote", "expandable_blockquote")
_LINKS = {"text_link": "", "url": "http://", "email": "mailto:", "phone_number": "tel:"}
#: Far beyond what Telegram lets through: 4096 characters with 100 entities, and links of 2000 characters.
_MAX_TEXT, _MAX_ENTITIES, _MAX_LINK_BYTES = 100_000, 100, 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """An entity that means something to us, in bytes of UTF-16."""

    kind: str
    start: int
    end: int
    url: str
    language: str


def read(text: str, entities: Sequence[Any]) -> tree.Document:
    """A customer's text; an entity that fits nowhere or leads nowhere safe leaves the text as it is."""
    raw = text[:_MAX_TEXT].encode("utf-16-le", "surrogatepass")
    spans = list(_spans(raw, entities[:_MAX_ENTITIES]))
    runs: list[tuple[_Span | None, Inline]] = []
    for start, end in pairwise(sorted({0, len(raw), *(edge for span in spans for edge in (span.start, span.end))})):
        here = [span for span in spans if span.start <= start < span.end]
        piece, marks = _decoded(raw[start:end]), frozenset(_MARKS[span.kind] for span in here if span.kind in _MARKS)
        url = next((span.url for span in here if span.url), "")
        run = Link(url=url, label=piece, marks=marks) if url else Text(text=piece, marks=marks)
        runs.append((next((span for span in here if span.kind in _BOXES), None), run))
    boxes = groupby(runs, key=lambda run: run[0])
    return tree.document(block for box, inside in boxes for block in _block(box, [run for _, run in inside]))


def _spans(raw: bytes, entities: Sequence[Any]) -> Iterator[_Span]:
    for entity in entities:
        match entity:
            case {"type": str(kind), "offset": int(at), "length": int(length)} if kind in {*_MARKS, *_BOXES, *_LINKS}:
                start, end = _border(raw, at), _border(raw, at + length)
                shown = _decoded(raw[start:end]) if end - start <= _MAX_LINK_BYTES else ""
                prefix = "" if "://" in shown else _LINKS.get(kind, "")
                url = {"text_link": str(entity.get("url")), "phone_number": prefix + "".join(shown.split())}
                address = safe_url(url.get(kind, prefix + shown)) if kind in _LINKS else None
                language = normalise(str(entity.get("language", "")), limit=40)
                yield _Span(kind=kind, start=start, end=end, url=address or "", language=language)


def _border(raw: bytes, unit: int) -> int:
    """Where a UTF-16 unit begins: within the text, and never between the two halves of a character."""
    at = 2 * min(max(unit, 0), len(raw) // 2)
    halved = 0 < at < len(raw) and raw[at + 1] & 0xFC == 0xDC and raw[at - 1] & 0xFC == 0xD8
    return at - 2 if halved else at


def _decoded(raw: bytes) -> str:
    return normalise(raw.decode("utf-16-le", "replace"))


def _block(box: _Span | None, runs: list[Inline]) -> Iterator[tree.Block]:
    # The line breaks around a block are its border, not its text.
    for index, strip in ((0, str.lstrip), (-1, str.rstrip)):
        if isinstance(run := runs[index], Text):
            runs[index] = replace(run, text=strip(run.text, "\n"))
    inlines = tuple(run for run in runs if inline_text(run))
    if inlines and box is None:
        yield tree.Paragraph(inlines=inlines)
    elif inlines and box is not None and box.kind == "pre":
        text = "".join(run.text if isinstance(run, Text) else run.label for run in inlines)
        yield tree.CodeBlock(text=text, language=box.language)
    elif inlines:
        yield tree.Quote(inlines=inlines)


def write(body: tree.Document) -> tuple[str, list[dict[str, Any]]]:
    """Text and entities of what we send; never longer than its plain text, by which the core has cut it."""
    pen = _Pen()
    for block in filter(block_text, body.blocks):
        pen.put("\n\n" if pen.size else "")
        start = pen.size
        match block:
            case tree.CodeBlock():
                pen.put(block.text, {"type": "pre"} | ({"language": block.language} if block.language else {}))
            case tree.ListBlock():
                for number, item in enumerate(block.items):
                    bullet = f"{item.number}. " if item.ordered else "• "
                    pen.put("\n" * bool(number) + "  " * min(item.depth, 8) + bullet)
                    pen.inlines(item.inlines)
            case tree.Heading():
                pen.inlines(block.inlines, frozenset({Mark.BOLD}))
            case tree.Quote() | tree.Paragraph():
                pen.inlines(block.inlines)
                pen.mark(start, *([{"type": "blockquote"}] if isinstance(block, tree.Quote) else []))
    return pen.text, pen.entities


class _Pen:
    """Text written so far, and the styles put on it."""

    def __init__(self) -> None:
        self.text, self.size = "", 0
        self.entities: list[dict[str, Any]] = []

    def put(self, text: str, *entities: Mapping[str, Any]) -> None:
        start = self.size
        self.text, self.size = self.text + text, start + measure(text, TextUnit.UTF16)
        self.mark(start, *entities)

    def mark(self, start: int, *entities: Mapping[str, Any]) -> None:
        if self.size > start:
            self.entities.extend({**entity, "offset": start, "length": self.size - start} for entity in entities)

    def inlines(self, inlines: Iterable[Inline], more: frozenset[Mark] = frozenset()) -> None:
        for inline in inlines:
            marks = more | (frozenset() if isinstance(inline, tree.Mention) else inline.marks)
            # Code stands alone, and Telegram's links lead to web addresses only.
            if isinstance(inline, Link) and inline.url.lower().startswith("http"):
                kinds = [_KINDS[mark] for mark in sorted(marks - {Mark.CODE})]
                link = {"type": "text_link", "url": inline.url}
                self.put(inline.label or inline.url, link, *({"type": kind} for kind in kinds))
            else:
                kinds = [_KINDS[mark] for mark in sorted({Mark.CODE} & marks or marks)]
                self.put(inline_text(inline), *({"type": kind} for kind in kinds))
