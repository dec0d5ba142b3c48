"""The rich-text tree as Slack's rich_text elements, where nothing that was written is ever interpreted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from core.contracts.plaintext import inline_text, plain
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
from core.contracts.text import cut, safe_url

Element = dict[str, Any]

# https://docs.slack.dev/reference/block-kit/blocks/rich-text-block; it knows no underline and no spoiler.
STYLES = {Mark.BOLD: "bold", Mark.ITALIC: "italic", Mark.STRIKE: "strike", Mark.CODE: "code"}
#: How mentions and disguised links begin.
_TOKEN = re.compile(r"<(?=[@#!]|https?:|mailto:|tel:)", re.IGNORECASE)
#: Slack indents lists at most this far.
MAX_INDENT = 8
#: chat.update refuses a longer `text`.
MAX_FALLBACK = 3_500


def escape(text: str) -> str:
    """Text as it may stand in a `text` argument: no mention, no link and no markup token survives this.

    https://docs.slack.dev/messaging/formatting-message-text#escaping
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def plain_text(words: str) -> Element:
    """A text object that is shown as it is: no markup, no `:emoji:` names.

    Slack parses nothing in it; other clients that draw blocks do, so what looks like a token is disarmed as well.
    """
    return {"type": "plain_text", "text": _TOKEN.sub("‹", words), "emoji": False}


def fallback(text: str) -> str:
    """What notifications and screen readers get beside the blocks: escaped, bounded, never empty."""
    room = MAX_FALLBACK
    escaped = escape(cut(text, room))
    while len(escaped) > MAX_FALLBACK:
        room = room * MAX_FALLBACK // len(escaped) - 1
        escaped = escape(cut(text, room))
    return escaped if escaped.strip() else "…"


def fallback_of(document: Document) -> str:
    """As `fallback`, of a tree."""
    return fallback(plain(document))


def rich_text(elements: Iterable[Element]) -> list[Element]:
    """The block that holds `elements`; none if there is nothing to hold."""
    held = list(elements)
    return [{"type": "rich_text", "elements": held}] if held else []


def elements(document: Document, *, trusted: bool = False, extra: frozenset[Mark] = frozenset()) -> list[Element]:
    """The parts of a rich_text block that show `document`.

    `trusted` keeps link labels as they are; otherwise a label never stands without the address it leads to.
    `extra` is put on all text: struck out, for example.
    """
    drawn: list[Element] = []
    open_section: list[Element] | None = None
    for block in document.blocks:
        if isinstance(block, Paragraph | Heading):
            heading = frozenset({Mark.BOLD}) if isinstance(block, Heading) else frozenset[Mark]()
            runs = list(_inlines(block.inlines, trusted, extra | heading))
            if not runs:
                continue
            if open_section is None:
                open_section = runs
                drawn.append({"type": "rich_text_section", "elements": open_section})
            else:
                # Slack draws neighbouring sections without a gap; its own composer writes one section with line breaks.
                open_section.extend([{"type": "text", "text": "\n\n"}, *runs])
            continue
        open_section = None
        drawn.extend(_block(block, trusted, extra))
    return drawn


def text(value: str, *styles: str) -> Element:
    """One literal run."""
    run: Element = {"type": "text", "text": value}
    if styles:
        run["style"] = dict.fromkeys(styles, True)
    return run


def section(*runs: Element) -> Element:
    """A paragraph of its own; empty runs, which Slack refuses, are left out."""
    return {"type": "rich_text_section", "elements": [run for run in runs if run.get("text", "-")]}


def link(url: str, label: str = "", *styles: str) -> Element:
    """A link of ours, with a label of ours."""
    run: Element = {"type": "link", "url": url}
    if label:
        run["text"] = label
    if styles:
        run["style"] = dict.fromkeys(styles, True)
    return run


def _block(block: Block, trusted: bool, extra: frozenset[Mark]) -> Iterator[Element]:
    if isinstance(block, Quote):
        runs = list(_inlines(block.inlines, trusted, extra))
        if runs:
            yield {"type": "rich_text_quote", "elements": runs}
    elif isinstance(block, CodeBlock):
        if block.text:
            yield {"type": "rich_text_preformatted", "elements": [text(block.text)]}
    elif isinstance(block, ListBlock):
        yield from _list(block.items, trusted, extra)


def _list(items: tuple[ListItem, ...], trusted: bool, extra: frozenset[Mark]) -> Iterator[Element]:
    """Slack has one list element per stretch of equal kind and depth."""
    current: Element | None = None
    following = 1
    for item in items:
        style = "ordered" if item.ordered else "bullet"
        indent = min(max(item.depth, 0), MAX_INDENT)
        runs = list(_inlines(item.inlines, trusted, extra)) or [text(" ")]
        row = {"type": "rich_text_section", "elements": runs}
        fits = current is not None and current["style"] == style and current["indent"] == indent
        if fits and current is not None and (not item.ordered or item.number == following):
            current["elements"].append(row)
        else:
            if current is not None:
                yield current
            current = {"type": "rich_text_list", "style": style, "indent": indent, "elements": [row]}
            if item.ordered and item.number > 1:
                current["offset"] = item.number - 1
        following = item.number + 1
    if current is not None:
        yield current


def _inlines(inlines: Iterable[Inline], trusted: bool, extra: frozenset[Mark]) -> Iterator[Element]:
    for inline in inlines:
        if isinstance(inline, Mention):
            # A label and nothing more: it was written elsewhere, and here it must call nobody.
            yield from _run(inline.label, extra)
        elif isinstance(inline, Link):
            yield from _link(inline, trusted, inline.marks | extra)
        else:
            yield from _run(inline.text, inline.marks | extra)


def _run(value: str, marks: frozenset[Mark]) -> Iterator[Element]:
    if value:
        yield text(value, *_styles(marks))


def _link(inline: Link, trusted: bool, marks: frozenset[Mark]) -> Iterator[Element]:
    if safe_url(inline.url) is None:
        yield from _run(inline_text(inline), marks)
        return
    shown = {"", inline.url, inline.url.removeprefix("mailto:").removeprefix("tel:")}
    if inline.label in shown:
        yield link(inline.url, inline.label if inline.label != inline.url else "", *_styles(marks))
    elif trusted:
        yield link(inline.url, inline.label, *_styles(marks))
    else:
        yield from _run(f"{inline.label} (", marks)
        yield link(inline.url, "", *_styles(marks))
        yield from _run(")", marks)


def _styles(marks: frozenset[Mark]) -> tuple[str, ...]:
    return tuple(style for mark, style in STYLES.items() if mark in marks)
