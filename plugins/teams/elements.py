"""The rich-text tree as elements of an Adaptive Card, where nothing that was written is ever interpreted.

All words stand in a RichTextBlock's runs, which know no Markdown; a TextBlock, a FactSet and a button's tooltip do.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

from core.contracts.plaintext import MAX_DEPTH, inline_text
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
)
from core.contracts.text import safe_url

Element = dict[str, Any]

# https://adaptivecards.io/explorer/TextRun.html; it knows no spoiler.
STYLES: dict[Mark, Element] = {
    Mark.BOLD: {"weight": "Bolder"},
    Mark.ITALIC: {"italic": True},
    Mark.STRIKE: {"strikethrough": True},
    Mark.UNDERLINE: {"underline": True},
    Mark.CODE: {"fontType": "Monospace"},
}
#: Small print.
SUBTLE: Element = {"isSubtle": True, "size": "Small"}
#: Blanks that no client folds into one.
NBSP, EM = "\u00a0", "\u2003"
#: Clients replace these even in a run: https://learn.microsoft.com/adaptive-cards/authoring-cards/text-features
_MACRO = re.compile(r"\{\{(?=DATE\(|TIME\()", re.IGNORECASE)
_BLANKS = re.compile(r"(?<=\n) +| {2,}")
BULLETS = "•◦▪"


def literal(words: str) -> str:
    """Words as a client shows them: blanks kept, date macros disarmed by what cannot be seen."""
    words = _BLANKS.sub(lambda blanks: NBSP * len(blanks[0]), words.replace("\t", "    "))
    return _MACRO.sub("{\u2060{", words)


def written(words: str) -> str:
    """What `literal` made, as it was."""
    return words.replace(NBSP, " ").replace("{\u2060{", "{{")


def run(words: str, **style: Any) -> Element:
    """One literal run."""
    return {"type": "TextRun", "text": literal(words), **style}


def link(url: str, label: str = "", **style: Any) -> Element:
    """A run that opens an address."""
    opens = {"type": "Action.OpenUrl", "url": url}
    return run(label or url, color="Accent", underline=True, **style) | {"selectAction": opens}


def rich(*runs: Element, **more: Any) -> Element:
    """A line of runs."""
    return {"type": "RichTextBlock", "inlines": list(runs), **more}


def small(words: str, **more: Any) -> list[Element]:
    """Small print; nothing if there is nothing to say."""
    lines = [line for line in words.strip().split("\n") if line.strip()]
    first = {"spacing": "Small", **more}
    return [
        rich(run(line, **SUBTLE), **(first if number == 0 else {"spacing": "None"}))
        for number, line in enumerate(lines)
    ]


def container(items: list[Element], **more: Any) -> Element:
    """A box around `items`."""
    return {"type": "Container", "items": items, **more}


def elements(
    document: Document, *, trusted: bool = False, extra: frozenset[Mark] = frozenset(), inset: str = "emphasis"
) -> list[Element]:
    """What shows `document`.

    `trusted` keeps link labels as they are; otherwise a label never stands without the address it leads to.
    `extra` is put on all text: struck out, for example. `inset` is the style of the boxes of quotes and code.
    """
    drawn: list[Element] = []
    for block in document.blocks:
        part = [element for element in _block(block, trusted, extra, inset) if element]
        if part and is_rtl(_words(block)):
            part = [container(part, rtl=True)]
        drawn += part
    return drawn


def is_rtl(words: Iterable[str]) -> bool:
    """Whether the first letter belongs to a script that is written from right to left."""
    directions = (unicodedata.bidirectional(char) for part in words for char in part)
    return next((direction for direction in directions if direction in {"L", "R", "AL"}), "L") != "L"


def directed(items: list[Element], *words: str) -> list[Element]:
    """`items` as they are read: from right to left where their words begin so."""
    return [container(items, rtl=True)] if is_rtl(words) else items


def _words(block: Block) -> Iterator[str]:
    match block:
        case CodeBlock():
            yield "L"
        case ListBlock():
            for item in block.items:
                yield from map(inline_text, item.inlines)
        case Paragraph() | Heading() | Quote():
            yield from map(inline_text, block.inlines)


def _block(block: Block, trusted: bool, extra: frozenset[Mark], inset: str) -> Iterator[Element]:
    match block:
        case Paragraph():
            yield from _lines(_inlines(block.inlines, trusted, extra), "Medium")
        case Heading():
            size = {"size": "Large"} if block.level == 1 else {"size": "Medium"} if block.level == 2 else {}
            runs = (one | size for one in _inlines(block.inlines, trusted, extra | {Mark.BOLD}))
            yield from _lines(runs, "Medium")
        case Quote():
            lines = list(_lines((one | {"isSubtle": True} for one in _inlines(block.inlines, trusted, extra)), "None"))
            if lines:
                yield container(lines, style=inset, spacing="Small")
        case CodeBlock():
            if block.text:
                yield container(list(_lines(_run(block.text, extra | {Mark.CODE}), "None")), style=inset)
        case ListBlock():
            for number, item in enumerate(block.items):
                yield from _item(item, trusted, extra, "Small" if number == 0 else "None")


def _item(item: ListItem, trusted: bool, extra: frozenset[Mark], spacing: str) -> Iterator[Element]:
    depth = min(max(item.depth, 0), MAX_DEPTH)
    bullet = f"{item.number}. " if item.ordered else f"{BULLETS[min(depth, len(BULLETS) - 1)]} "
    indent = EM * (2 * depth + 1)
    under = indent + EM
    lines = list(_lines(_inlines(item.inlines, trusted, extra), spacing, under)) or [rich(spacing=spacing)]
    for number, line in enumerate(lines):
        yield {**line, "inlines": [run(under if number else indent + bullet), *line["inlines"]]}


def _lines(runs: Iterable[Element], spacing: str, indent: str = "") -> Iterator[Element]:
    """Runs as few RichTextBlocks: a line break inside a run is shown everywhere, one at its end not by Android.

    https://github.com/microsoft/AdaptiveCards/issues/4914
    """
    line: list[Element] = []
    first = True
    for one in runs:
        for number, words in enumerate(_pieces(one["text"])):
            if number:
                yield rich(*(line or [run(NBSP)]), spacing=spacing if first else "None")
                line, first = [], False
            if words:
                if not line and words.startswith(" "):
                    words = NBSP + words[1:]
                line.append({**one, "text": literal(words).replace("\n", f"\n{indent}")})
    if line:
        yield rich(*line, spacing=spacing if first else "None")


def _pieces(words: str) -> list[str]:
    """`words` parted at the line breaks of its two ends."""
    inner = words.strip("\n")
    if not inner:
        return words.split("\n")
    before = len(words) - len(words.lstrip("\n"))
    after = len(words) - before - len(inner)
    return [*[""] * before, inner, *[""] * after]


def _inlines(inlines: Iterable[Inline], trusted: bool, extra: frozenset[Mark]) -> Iterator[Element]:
    for inline in inlines:
        if isinstance(inline, Mention):
            # A label and nothing more: it was written elsewhere, and here it must call nobody.
            yield from _run(inline.label, extra)
        elif isinstance(inline, Link):
            yield from _link(inline, trusted, inline.marks | extra)
        else:
            yield from _run(inline.text, inline.marks | extra)


def _run(words: str, marks: frozenset[Mark]) -> Iterator[Element]:
    if words:
        yield {"type": "TextRun", "text": words, **_style(marks)}


def _link(inline: Link, trusted: bool, marks: frozenset[Mark]) -> Iterator[Element]:
    if safe_url(inline.url) is None:
        yield from _run(inline_text(inline), marks)
        return
    url, style = inline.url.strip(), _style(marks)
    style.pop("underline", None)
    shown = {"", url, url.removeprefix("mailto:").removeprefix("tel:")}
    if trusted or inline.label in shown:
        yield link(url, inline.label.replace("\n", " "), **style)
    else:
        yield from _run(f"{inline.label} (", marks)
        yield link(url, **style)
        yield from _run(")", marks)


def _style(marks: frozenset[Mark]) -> Element:
    return {name: value for mark, style in STYLES.items() if mark in marks for name, value in style.items()}
