"""Markdown as people type it in chats, into the tree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

from core.contracts.plaintext import MAX_DEPTH, block_text, linked
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
    Paragraph,
    Quote,
    Text,
)
from core.contracts.strings import safe_url

_STYLES = {"strong": Mark.BOLD, "em": Mark.ITALIC, "s": Mark.STRIKE}


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False})
    parser.enable("strikethrough")
    # Indented text is no code and a dashed line no heading in a chat; link definitions would vanish from sight.
    parser.disable(["code", "lheading", "reference"])
    # The library documents these three methods as the place to put rules of one's own; mypy sees only methods replaced.
    parser.validateLink = lambda url: safe_url(url) is not None  # type: ignore[method-assign]
    parser.normalizeLink = lambda url: url  # type: ignore[method-assign]
    parser.normalizeLinkText = lambda link: link  # type: ignore[method-assign]
    return parser


def _merged(runs: Iterable[Inline]) -> tuple[Inline, ...]:
    merged: list[Inline] = []
    pending: list[str] = []
    marks: frozenset[Mark] = frozenset()

    def flush() -> None:
        if text := "".join(pending):
            merged.append(Text(text=text, marks=marks))
        pending.clear()

    for run in runs:
        if isinstance(run, Text):
            if run.marks != marks:
                flush()
                marks = run.marks
            pending.append(run.text)
        else:
            flush()
            merged.append(run)
    flush()
    return tuple(merged)


def _link(url: str, runs: Sequence[Inline]) -> Inline:
    label = "".join(run.label if isinstance(run, Link) else run.text for run in runs if isinstance(run, Text | Link))
    styles = [run.marks for run in runs if isinstance(run, Text | Link)]
    return Link(url=url, label=label or url, marks=frozenset.intersection(*styles) if styles else frozenset())


def _runs(tokens: Sequence[Token]) -> Iterable[Inline]:
    marks: list[Mark] = []
    url = ""
    label: list[Inline] = []
    for token in tokens:
        runs: list[Inline] = []
        match token.type:
            case "text" | "text_special" | "html_inline":
                runs = [Text(text=token.content, marks=frozenset(marks))]
            case "softbreak" | "hardbreak":
                runs = [Text(text="\n", marks=frozenset(marks))]
            case "code_inline":
                runs = [Text(text=token.content, marks=frozenset({*marks, Mark.CODE}))]
            case "link_open":
                url, label = str(token.attrGet("href") or ""), []
            case "link_close":
                runs, url = [_link(url, label)], ""
            case "image":
                target = str(token.attrGet("src") or "")
                runs = [Link(url=target, label=token.content or target, marks=frozenset(marks))]
            case _:
                style = _STYLES.get(token.tag)
                if style and token.nesting == 1:
                    marks.append(style)
                elif style and style in marks:
                    marks.remove(style)
        if url:
            label.extend(runs)
        else:
            yield from runs


def _inlines(token: Token) -> tuple[Inline, ...]:
    result: list[Inline] = []
    for run in _merged(_runs(token.children or [])):
        if isinstance(run, Text) and Mark.CODE not in run.marks:
            result.extend(linked(run.text, run.marks))
        else:
            result.append(run)
    return tuple(result)


class _Reader:
    """Turns the parser's nested tokens into flat blocks."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._quotes = 0
        self._quoted: list[Block] = []
        self._items: list[ListItem] = []
        #: The next number of each open list, None where it is not ordered.
        self._lists: list[int | None] = []
        self._item_started = False

    def read(self, tokens: Sequence[Token]) -> Document:
        heading = 0
        for token in tokens:
            match token.type:
                case "heading_open":
                    heading = int(token.tag[1:])
                case "heading_close":
                    heading = 0
                case "inline":
                    self._inline(_inlines(token), heading)
                case "fence" | "code_block":
                    language = token.info.split()[0][:50] if token.info.strip() else ""
                    self._add(CodeBlock(text=token.content.removesuffix("\n"), language=language))
                case "html_block":
                    self._add(Paragraph(inlines=(Text(text=token.content.removesuffix("\n")),)))
                case "hr":
                    self._add(Paragraph(inlines=(Text(text=token.markup[:3]),)))
                case "blockquote_open":
                    self._end_list()
                    self._quotes += 1
                case "blockquote_close":
                    self._end_list()
                    self._quotes -= 1
                    self._end_quote()
                case "bullet_list_open" | "ordered_list_open":
                    start = token.attrGet("start")
                    self._lists.append(
                        None if token.type.startswith("bullet") else int(start if start is not None else 1)
                    )
                case "bullet_list_close" | "ordered_list_close":
                    self._lists.pop()
                    if not self._lists:
                        self._end_list()
                case "list_item_open":
                    self._item_started = False
                case "list_item_close":
                    if not self._item_started:
                        self._item(())
                    self._item_started = True
        self._end_list()
        return Document(blocks=tuple(self._blocks))

    def _add(self, block: Block) -> None:
        self._end_list()
        if self._lists:
            self._item_started = True
        (self._quoted if self._quotes else self._blocks).append(block)

    def _item(self, inlines: tuple[Inline, ...]) -> None:
        number = self._lists[-1]
        depth = min(len(self._lists) - 1, MAX_DEPTH)
        self._items.append(
            ListItem(inlines=inlines, depth=depth, ordered=number is not None, number=1 if number is None else number)
        )
        if number is not None:
            self._lists[-1] = number + 1
        self._item_started = True

    def _inline(self, inlines: tuple[Inline, ...], heading: int) -> None:
        if self._lists and not self._item_started:
            self._item(inlines)
        elif self._lists and self._items:
            # A further paragraph of the same item.
            last = self._items[-1]
            self._items[-1] = ListItem(
                inlines=_merged((*last.inlines, Text(text="\n"), *inlines)),
                depth=last.depth,
                ordered=last.ordered,
                number=last.number,
            )
        elif heading:
            self._add(Heading(level=heading, inlines=inlines))
        else:
            self._add(Paragraph(inlines=inlines))

    def _end_list(self) -> None:
        if self._items:
            block = ListBlock(items=tuple(self._items))
            self._items = []
            (self._quoted if self._quotes else self._blocks).append(block)

    def _end_quote(self) -> None:
        if self._quotes:
            return
        inlines: list[Inline] = []
        for block in self._quoted:
            if inlines:
                inlines.append(Text(text="\n"))
            match block:
                case Paragraph() | Heading() | Quote():
                    inlines.extend(block.inlines)
                case CodeBlock():
                    inlines.append(Text(text=block.text, marks=frozenset({Mark.CODE})))
                case ListBlock():
                    inlines.append(Text(text=block_text(block)))
        self._quoted = []
        if inlines:
            self._blocks.append(Quote(inlines=_merged(inlines)))


def markdown(text: str) -> Document:
    """What an agent meant by `text`; raw HTML stays text, only safe addresses become links."""
    return _Reader().read(_parser().parse(text))
