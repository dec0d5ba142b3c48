"""Reads what people in Slack wrote: rich_text blocks, or mrkdwn where there are none, into the rich-text tree; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from core.contracts.richtext import (
    Block,
    CodeBlock,
    Document,
    Inline,
    Link,
    ListBlock,
    ListItem,
    Mark,
    Mention,
    Paragraph,
    Quote,
    Text,
    document,
)
from core.contracts.text import emoji_name, normalise, safe_url

#: (kind, id) -> label, for everything that `mentioned` listed.
Names = Mapping[tuple[str, str], str]
Element = Mapping[str, Any]

MARKS = {
    "bold": Mark.BOLD,
    "italic": Mark.ITALIC,
    "strike": Mark.STRIKE,
    "underline": Mark.UNDERLINE,
    "code": Mark.CODE,
}
#: More elements than a person types; the rest of a message beyond them is not read.
MAX_ELEMENTS = 5_000
_PARAGRAPHS = re.compile(r"\n(?:[ \t]*\n)+")
_TOKEN = re.compile(r"<([^<>]+)>")
_SHORTCODE = re.compile(r":([a-z0-9_+'-]+(?:::skin-tone-[2-6])?):")


def unescape(text: str) -> str:
    """Undoes the three escapes of Slack's text."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def document_of(blocks: Sequence[Element], names: Names) -> Document:
    """The tree of all rich_text blocks among `blocks`."""
    read: list[Block] = []
    lists = _Lists(read)
    for part in _parts(blocks):
        inner = part.get("elements") or ()
        match part.get("type"):
            case "rich_text_list":
                lists.add(part, names)
                continue
            case "rich_text_quote":
                block: list[Block] = [Quote(inlines=tuple(_inlines(inner, names)))]
            case "rich_text_preformatted":
                block = [CodeBlock(text="".join(_literal(element) for element in inner))]
            case _:
                block = list(_paragraphs(_inlines(inner, names)))
        lists.end()
        read.extend(block)
    return document(read)


def document_of_text(text: str, names: Names) -> Document:
    """The tree of a mrkdwn text: only `<...>` tokens and emoji are read, formatting characters stay as written."""
    return document(_paragraphs(_mrkdwn(text, names)))


def mentioned(blocks: Sequence[Element], text: str) -> set[tuple[str, str]]:
    """Who and what a message names by id, as (kind, id)."""
    found: set[tuple[str, str]] = set()
    for part in _parts(blocks):
        rows = part.get("elements") or ()
        for element in _leaves(rows) if part.get("type") == "rich_text_list" else rows:
            if (named := _named(element)) is not None:
                found.add(named)
    if not found and not any(True for _ in _parts(blocks)):
        for token in _TOKEN.findall(text):
            if token.startswith("@"):
                found.add(("user", token[1:].partition("|")[0]))
            elif token.startswith("#"):
                found.add(("room", token[1:].partition("|")[0]))
    return found


def is_rich(blocks: Sequence[Element]) -> bool:
    """Whether there is a rich_text block to read."""
    return any(True for _ in _parts(blocks))


class _Lists:
    """Slack cuts a list wherever its depth or kind changes; this joins the pieces again."""

    def __init__(self, read: list[Block]) -> None:
        self._read = read
        self._numbers: dict[int, int] = {}

    def add(self, part: Element, names: Names) -> None:
        depth = int(part.get("indent") or 0)
        ordered = part.get("style") == "ordered"
        offset = part.get("offset")
        if not isinstance(offset, int):
            offset = self._numbers.get(depth, 0) if ordered else 0
        items = [
            ListItem(
                inlines=tuple(_inlines(row.get("elements") or (), names)),
                depth=depth,
                ordered=ordered,
                number=offset + position,
            )
            for position, row in enumerate(part.get("elements") or (), start=1)
        ]
        self._numbers = {level: number for level, number in self._numbers.items() if level < depth}
        self._numbers[depth] = offset + len(items) if ordered else 0
        last = self._read[-1] if self._read else None
        if isinstance(last, ListBlock):
            self._read[-1] = ListBlock(items=(*last.items, *items))
        elif items:
            self._read.append(ListBlock(items=tuple(items)))

    def end(self) -> None:
        self._numbers = {}


def _parts(blocks: Sequence[Element]) -> Iterator[Element]:
    for block in blocks:
        if block.get("type") == "rich_text":
            yield from (block.get("elements") or ())[:MAX_ELEMENTS]


def _leaves(rows: Iterable[Element]) -> Iterator[Element]:
    for row in rows:
        yield from row.get("elements") or ()


def _named(element: Element) -> tuple[str, str] | None:
    match element.get("type"):
        case "user":
            return "user", str(element.get("user_id"))
        case "channel":
            return "room", str(element.get("channel_id"))
        case "usergroup":
            return "group", str(element.get("usergroup_id"))
    return None


def _inlines(inner: Iterable[Element], names: Names) -> Iterator[Inline]:
    for element in inner:
        marks = _marks(element)
        kind = element.get("type")
        if kind == "text":
            yield from _text(str(element.get("text") or ""), marks)
        elif kind == "link":
            yield from _link(str(element.get("url") or ""), str(element.get("text") or ""), marks)
        elif kind == "emoji":
            yield from _text(_emoji(element), marks)
        elif kind == "broadcast":
            audience = str(element.get("range") or "channel")
            yield Mention(kind="everyone", id=audience, label=f"@{audience}")
        elif kind == "date":
            yield from _text(str(element.get("fallback") or ""), marks)
        elif kind == "color":
            yield from _text(str(element.get("value") or ""), marks)
        elif (named := _named(element)) is not None:
            yield Mention(kind=named[0], id=named[1], label=names.get(named) or _unnamed(named[0]))
        else:
            yield from _text(_unknown(element), marks)


def _unknown(element: Element) -> str:
    """An element that Slack added later: whatever of it can be read, never nothing."""
    for name in ("text", "fallback", "name", "title", "url"):
        if isinstance(value := element.get(name), str) and value:
            return value
    return f"[{element.get('type') or 'something'}]"


def _unnamed(kind: str) -> str:
    return {"user": "@someone", "room": "#a-channel"}.get(kind, "@a-group")


def _literal(element: Element) -> str:
    if element.get("type") == "link":
        return str(element.get("text") or element.get("url") or "")
    return _emoji(element) if element.get("type") == "emoji" else str(element.get("text") or "")


def _emoji(element: Element) -> str:
    """The picture itself; a workspace's own emoji keeps its name."""
    codes = str(element.get("unicode") or "")
    try:
        picture = "".join(chr(int(code, 16)) for code in codes.split("-")) if codes else ""
    except (ValueError, OverflowError):
        picture = ""
    name = str(element.get("name") or "")
    tone = element.get("skin_tone")
    return picture or emoji_name(f"{name}::skin-tone-{tone}" if tone else name) or f":{name}:"


def _marks(element: Element) -> frozenset[Mark]:
    style = element.get("style")
    return (
        frozenset(mark for name, mark in MARKS.items() if style.get(name)) if isinstance(style, dict) else frozenset()
    )


def _text(text: str, marks: frozenset[Mark]) -> Iterator[Inline]:
    cleaned = normalise(text)
    if cleaned:
        yield Text(text=cleaned, marks=marks)


def _link(url: str, label: str, marks: frozenset[Mark]) -> Iterator[Inline]:
    if safe_url(url) is None:
        yield from _text(label or url, marks)
    else:
        yield Link(url=url, label=normalise(label) or url, marks=marks)


def _paragraphs(inlines: Iterable[Inline]) -> Iterator[Block]:
    """Cuts a stretch of runs at empty lines."""
    current: list[Inline] = []
    for inline in inlines:
        if not isinstance(inline, Text):
            current.append(inline)
            continue
        pieces = _PARAGRAPHS.split(inline.text)
        for number, piece in enumerate(pieces):
            if number:
                yield from _paragraph(current)
                current = []
            if piece:
                current.append(Text(text=piece, marks=inline.marks))
    yield from _paragraph(current)


def _paragraph(inlines: list[Inline]) -> Iterator[Block]:
    if inlines and isinstance(last := inlines[-1], Text):
        trimmed = last.text.rstrip("\n")
        inlines = [*inlines[:-1], *([Text(text=trimmed, marks=last.marks)] if trimmed else [])]
    if inlines:
        yield Paragraph(inlines=tuple(inlines))


def _mrkdwn(text: str, names: Names) -> Iterator[Inline]:
    end = 0
    for token in _TOKEN.finditer(text):
        yield from _words(text[end : token.start()])
        yield from _from_token(token[1], names)
        end = token.end()
    yield from _words(text[end:])


def _words(text: str) -> Iterator[Inline]:
    replaced = _SHORTCODE.sub(_shortcode, text)
    yield from _text(unescape(replaced), frozenset())


def _shortcode(found: re.Match[str]) -> str:
    return emoji_name(found[1]) or found[0]


def _from_token(token: str, names: Names) -> Iterator[Inline]:
    target, _, label = token.partition("|")
    if target.startswith(("@", "#")):
        kind = "user" if target[0] == "@" else "room"
        named = f"{target[0]}{unescape(label)}" if label else _unnamed(kind)
        yield Mention(kind=kind, id=target[1:], label=names.get((kind, target[1:])) or named)
    elif target.startswith("!subteam^"):
        yield Mention(kind="group", id=target.removeprefix("!subteam^"), label=unescape(label) or _unnamed("group"))
    elif target.startswith("!date^"):
        yield from _text(unescape(label), frozenset())
    elif target.startswith("!"):
        audience = target[1:]
        yield Mention(kind="everyone", id=audience, label=f"@{audience}")
    else:
        yield from _link(unescape(target), unescape(label), frozenset())
