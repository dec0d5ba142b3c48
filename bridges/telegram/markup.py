"""Telegram's text with entities, from and to the tree; offsets count UTF-16 units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from typing import Any

from core.contracts.content import TextUnit
from core.contracts.plaintext import block_text, inline_text
from core.contracts.richtext import (
    Block,
    CodeBlock,
    Document,
    Heading,
    Inline,
    Link,
    ListBlock,
    Mark,
    Mention,
    Paragraph,
    Quote,
    Text,
)
from core.contracts.text import measure, normalise, safe_url

Entity = Mapping[str, Any]
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
_MAX_ENTITIES = 100


def read(text: str, entities: Sequence[Entity]) -> Document:
    """A customer's text; entities that fit nowhere, or lead nowhere safe, leave the text as it is."""
    raw = text.encode("utf-16-le", "surrogatepass")
    spans = [(_border(raw, e["offset"]), _border(raw, e["offset"] + e["length"]), e) for e in entities[:_MAX_ENTITIES]]
    runs: list[tuple[Entity | None, Inline]] = []
    for start, end in pairwise(sorted({0, len(raw), *(edge for span in spans for edge in span[:2])})):
        within = [(_decoded(raw[first:last]), e) for first, last, e in spans if first <= start < last]
        box = next((e for _, e in within if e["type"] in _BOXES), None)
        runs.append((box, _run(_decoded(raw[start:end]), within)))
    boxed = ((box, [run for _, run in group]) for box, group in groupby(runs, key=lambda run: run[0]))
    return Document(blocks=tuple(block for box, inside in boxed for block in _block(box, inside)))


def _border(raw: bytes, unit: int) -> int:
    """Where a UTF-16 unit begins in `raw`: within it, and never between the halves of one character."""
    at = 2 * min(max(unit, 0), len(raw) // 2)
    halved = 0 < at < len(raw) and raw[at + 1] & 0xFC == 0xDC and raw[at - 1] & 0xFC == 0xD8
    return at - 2 if halved else at


def _decoded(raw: bytes) -> str:
    return normalise(raw.decode("utf-16-le", "replace"))


def _run(text: str, within: Sequence[tuple[str, Entity]]) -> Inline:
    marks = frozenset(_MARKS[e["type"]] for _, e in within if e["type"] in _MARKS)
    for whole, entity in within:
        url = {
            "text_link": str(entity.get("url")),
            "url": whole if "://" in whole else f"http://{whole}",
            "email": f"mailto:{whole}",
            "phone_number": "tel:" + "".join(char for char in whole if char in "+0123456789"),
        }.get(entity["type"])
        if url and safe_url(url):
            return Link(url=url, label=text, marks=marks)
    return Text(text=text, marks=marks)


def _block(box: Entity | None, runs: list[Inline]) -> Iterable[Block]:
    # The line breaks around a block are its border, not its text.
    for index, strip in ((0, str.lstrip), (-1, str.rstrip)):
        if isinstance(run := runs[index], Text):
            runs[index] = replace(run, text=strip(run.text, "\n"))
    if not any(map(inline_text, runs)):
        return
    if box is None:
        yield Paragraph(inlines=tuple(runs))
    elif box["type"] == "pre":
        text = "".join(run.text if isinstance(run, Text) else run.label for run in runs)
        yield CodeBlock(text=text, language=normalise(str(box.get("language", "")), limit=40))
    else:
        yield Quote(inlines=tuple(runs))


def write(body: Document) -> tuple[str, list[dict[str, Any]]]:
    """Text and entities of what we send; never longer than its plain text, by which the core has cut it."""
    pen = _Pen()
    for block in body.blocks:
        if not block_text(block):
            continue
        pen.put("\n\n" if pen.size else "")
        start = pen.size
        match block:
            case CodeBlock():
                pen.put(block.text, {"type": "pre", "language": block.language} if block.language else {"type": "pre"})
            case ListBlock():
                for number, item in enumerate(block.items):
                    bullet = f"{item.number}." if item.ordered else "•"
                    pen.put("\n" * bool(number) + "  " * min(item.depth, 8) + bullet + " ")
                    pen.inlines(item.inlines)
            case Heading():
                pen.inlines(block.inlines, Mark.BOLD)
            case Quote() | Paragraph():
                pen.inlines(block.inlines)
                if isinstance(block, Quote):
                    pen.mark({"type": "blockquote"}, start)
    return pen.text, pen.entities


class _Pen:
    def __init__(self) -> None:
        self.text, self.size = "", 0
        self.entities: list[dict[str, Any]] = []

    def mark(self, entity: Entity, start: int) -> None:
        self.entities.append({**entity, "offset": start, "length": self.size - start})

    def put(self, text: str, *entities: Entity) -> None:
        start = self.size
        self.text, self.size = self.text + text, start + measure(text, TextUnit.UTF16)
        for entity in entities if text else ():
            self.mark(entity, start)

    def inlines(self, inlines: Iterable[Inline], *more: Mark) -> None:
        for inline in inlines:
            marks = set(more) if isinstance(inline, Mention) else {*more, *inline.marks}
            # Code stands alone, and the links of Telegram are web addresses only.
            kinds: list[Entity] = [{"type": _KINDS[mark]} for mark in sorted({Mark.CODE} & marks or marks)]
            if isinstance(inline, Link) and inline.url.lower().startswith("http"):
                kinds = [{"type": "text_link", "url": inline.url}, *(kind for kind in kinds if kind["type"] != "code")]
                self.put(inline.label or inline.url, *kinds)
            else:
                self.put(inline_text(inline), *kinds)
