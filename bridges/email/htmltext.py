"""Reads an HTML mail as our tree: what is seen, in order, with what is quoted told apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bridges.email.htmlruns import tidy
from core.contracts.htmltokens import Tag, tokens
from core.contracts.plaintext import inline_text
from core.contracts.richtext import Block, CodeBlock, Heading, Inline, Link, ListBlock, ListItem, Mark, Paragraph, Quote
from core.contracts.richtext import Text as Run
from core.contracts.text import normalise

MAX_DEPTH = 8
_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_SKIPPED = frozenset("head script style title textarea select option object svg math iframe noscript template".split())
_STYLES = {
    **dict.fromkeys(("b", "strong"), Mark.BOLD),
    **dict.fromkeys(("i", "em", "cite", "var"), Mark.ITALIC),
    **dict.fromkeys(("s", "strike", "del"), Mark.STRIKE),
    **dict.fromkeys(("code", "tt", "kbd", "samp"), Mark.CODE),
}
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_LINES = frozenset("div tr section article header footer main center address dt dd table tbody form li body".split())
_PARAGRAPHS = frozenset("p ul ol dl blockquote pre hr fieldset figure".split()) | _HEADINGS.keys()
_SPACES = re.compile(r"[ \t\r\n\f]+")
_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all|opacity\s*:\s*0(?:\.0*)?\s*(?:;|!|$)|"
    r"(?<![\w-])(?:font-size|max-height|line-height)\s*:\s*0(?:\.0*)?(?:px|pt|em|%)?\s*(?:;|!|$)",
    re.IGNORECASE,
)
_OUTLOOK_LINE = re.compile(r"border-top\s*:\s*solid\s*#(?:e1e1e1|b5c4df)", re.IGNORECASE)


class Origin(StrEnum):
    """Whose words a block holds."""

    OWN = "own"
    QUOTED = "quoted"
    #: "Ada wrote:" above a quote.
    ATTRIBUTION = "attribution"
    SIGNATURE = "signature"
    #: Everything from here on is an earlier mail.
    REST = "rest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    block: Block
    origin: Origin


@dataclass(slots=True, kw_only=True)
class HtmlText:
    pieces: list[Piece] = field(default_factory=list)
    #: Content ids of pictures, by whose words they stand in; the writer's own win.
    pictures: dict[str, Origin] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class _Open:
    name: str
    hidden: bool = False
    origin: Origin | None = None
    mark: Mark | None = None
    link: str = ""


def read_html(source: str) -> HtmlText:
    """What a reader of `source` sees; hidden text, scripts and remote pictures are not there."""
    reader = _Reader()
    for token in tokens(source):
        if isinstance(token, str):
            reader.text(token)
        elif token.closing:
            reader.close(token.name)
        else:
            reader.open(token)
    reader.end()
    return reader.result


def kept(result: HtmlText) -> list[Block]:
    """The blocks that the writer wrote now, by the structure her program gave the mail."""
    origins = [piece.origin for piece in result.pieces]
    if Origin.REST in origins:
        origins = origins[: origins.index(Origin.REST)]
    quoted = [index for index, origin in enumerate(origins) if origin in (Origin.QUOTED, Origin.ATTRIBUTION)]
    if quoted and Origin.OWN in origins[quoted[0] :]:
        return [piece.block for piece in result.pieces]
    return [piece.block for piece, origin in zip(result.pieces, origins, strict=False) if origin is Origin.OWN]


class _Reader:
    def __init__(self) -> None:
        self.result = HtmlText()
        self._open: list[_Open] = []
        self._names: dict[str, int] = {}
        self._skipped = self._hidden = self._pre = self._quotes = 0
        self._marks: dict[Mark, int] = {}
        self._origins: list[Origin] = [Origin.OWN]
        self._links: list[str] = []
        self._lists: list[int | None] = []
        self._heading = 0
        self._runs: list[Inline] = []
        self._items: list[ListItem] = []
        self._item = False
        #: Where the line under way began, to tell empty lines.
        self._line_empty = True
        self._breaks = 0

    def open(self, tag: Tag) -> None:
        name = tag.name
        if self._skipped:
            if name in _SKIPPED and name not in _VOID:
                self._push(_Open(name=name))
                self._skipped += 1
            return
        if name in ("p", "li", "tr", "td", "th", "option", "dt", "dd") and self._open and self._open[-1].name == name:
            self.close(name)
        self._layout(name, tag, opening=True)
        if name in _VOID:
            return
        style, identity, kind = (tag.attributes.get(key, "") for key in ("style", "id", "class"))
        opened = _Open(name=name, mark=_STYLES.get(name), hidden="hidden" in tag.attributes or _is_hidden(style))
        opened.origin = self._origin(name, tag, identity, kind.lower().split(), style)
        if name in _SKIPPED:
            self._skipped += 1
        elif name == "a":
            opened.link = tag.attributes.get("href", "")
        self._push(opened)
        self._hidden += opened.hidden
        if opened.mark:
            self._marks[opened.mark] = self._marks.get(opened.mark, 0) + 1
        if opened.origin:
            self._flush()
            self._origins.append(opened.origin)
        if name == "a":
            self._links.append(opened.link)

    def close(self, name: str) -> None:
        if not self._names.get(name):
            if name == "p" and not self._skipped:
                self._layout(name, None, opening=False)
            return
        while True:
            closed = self._open.pop()
            self._names[closed.name] -= 1
            self._closed(closed)
            if closed.name == name:
                return

    def end(self) -> None:
        self._flush()

    def text(self, text: str) -> None:
        if self._skipped or self._hidden:
            return
        if not self._pre:
            text = _SPACES.sub(" ", text).replace("\u00a0", " ")
            if self._line_empty:
                text = text.lstrip(" ")
        if text:
            self._add(text)

    def _push(self, opened: _Open) -> None:
        self._open.append(opened)
        self._names[opened.name] = self._names.get(opened.name, 0) + 1

    def _closed(self, closed: _Open) -> None:
        if closed.name in _SKIPPED and self._skipped:
            self._skipped -= 1
            return
        if closed.name == "a" and self._links:
            self._links.pop()
        if closed.mark:
            self._marks[closed.mark] -= 1
        self._layout(closed.name, None, opening=False)
        self._hidden -= closed.hidden
        if closed.origin:
            self._flush()
            # What follows an earlier mail's header is that mail, also outside of the element.
            if closed.origin is Origin.REST:
                self._origins = [Origin.REST]
            elif len(self._origins) > 1:
                self._origins.pop()

    def _origin(self, name: str, tag: Tag, identity: str, classes: list[str], style: str) -> Origin | None:
        if self._origins == [Origin.REST]:
            return None
        # Outlook on the web renames what it quotes to "x_".
        identity = identity.removeprefix("x_").lower()
        if identity in ("divrplyfwdmsg", "appendonsend", "mail-editor-reference-message-container"):
            return Origin.REST
        if name == "div" and _OUTLOOK_LINE.search(style):
            return Origin.REST
        if {"gmail_signature", "moz-signature"} & set(classes) or identity == "signature":
            return Origin.SIGNATURE
        if {"gmail_attr", "moz-cite-prefix"} & set(classes):
            return Origin.ATTRIBUTION
        if any(one.endswith("yahoo_quoted") for one in classes) or "yahoo_quoted" in identity:
            return Origin.QUOTED
        cited = tag.attributes.get("type", "").lower() == "cite" or "gmail_quote" in classes
        return Origin.QUOTED if name == "blockquote" and (cited or "protonmail_quote" in classes) else None

    def _layout(self, name: str, tag: Tag | None, *, opening: bool) -> None:
        attributes: Mapping[str, str] = tag.attributes if tag else {}
        if name == "br":
            self._break(1, forced=True)
        elif name == "img":
            self._picture(attributes)
        elif name in ("td", "th") and opening and not self._line_empty:
            self._add(" ")
        elif name in _PARAGRAPHS:
            # Outlook writes every line as a paragraph without space around it.
            outlook = name == "p" and (opening and "msonormal" in attributes.get("class", "").lower())
            self._break(1 if outlook else 2)
            self._container(name, opening)
        elif name in _LINES:
            self._break(1)
            if name == "li" and opening and not self._hidden:
                self._flush_item()
                self._item = True

    def _container(self, name: str, opening: bool) -> None:
        if name not in ("p", "hr", "figure", "fieldset", "dl"):
            self._flush()
        step = 1 if opening else -1
        if name in _HEADINGS:
            self._heading = _HEADINGS[name] if opening else 0
        elif name == "pre":
            self._pre = max(0, self._pre + step)
        elif name == "blockquote":
            self._quotes = max(0, self._quotes + step)
        elif name in ("ul", "ol"):
            if opening:
                self._lists.append(1 if name == "ol" else None)
            elif self._lists:
                self._lists.pop()
            if not self._lists:
                self._end_list()

    def _picture(self, values: Mapping[str, str]) -> None:
        source = values.get("src", "")
        if source[:4].lower() == "cid:":
            origin = self._origins[-1]
            if self.result.pictures.get(source[4:]) is not Origin.OWN:
                self.result.pictures[source[4:]] = origin
        # Mail programs draw emoji as pictures.
        alt = values.get("alt", "")
        if alt and len(alt) <= 8 and not alt.isascii() and not (self._hidden or self._skipped):
            self._add(alt)

    def _add(self, text: str) -> None:
        if self._breaks and self._runs:
            self._runs.append(Run(text="\n"))
        self._breaks = 0
        self._line_empty = text.endswith("\n")
        if not self._lists and self._items:
            self._end_list()
        marks = frozenset(mark for mark, count in self._marks.items() if count)
        link = self._links[-1] if self._links else ""
        self._runs.append(Link(url=link, label=text, marks=marks) if link else Run(text=text, marks=marks))

    def _break(self, count: int, *, forced: bool = False) -> None:
        if self._hidden or self._skipped:
            return
        if self._pre:
            if forced:
                self._add("\n")
            return
        # Two breaks in a row end a paragraph; a forced one counts even where a line is empty.
        self._breaks = self._breaks + 1 if forced and self._line_empty else max(self._breaks, count)
        self._line_empty = True
        if self._breaks >= 2 and not self._item:
            self._flush()

    def _flush_item(self) -> None:
        if self._item or self._lists:
            inlines = tidy(self._runs)
            if inlines and self._lists:
                number = self._lists[-1]
                depth = min(len(self._lists) - 1, MAX_DEPTH)
                self._items.append(
                    ListItem(inlines=inlines, depth=depth, ordered=number is not None, number=number or 1)
                )
                if number is not None:
                    self._lists[-1] = number + 1
            elif inlines:
                self._emit(Paragraph(inlines=inlines))
            self._runs, self._item, self._breaks = [], False, 0

    def _end_list(self) -> None:
        if self._items:
            items, self._items = tuple(self._items), []
            self._emit(ListBlock(items=items))

    def _flush(self) -> None:
        """Ends the block under way."""
        if self._lists:
            self._flush_item()
            return
        self._end_list()
        runs, self._runs, self._breaks, self._line_empty = self._runs, [], 0, True
        if self._pre:
            text = "".join(run.label if isinstance(run, Link) else inline_text(run) for run in runs)
            if text.strip():
                self._emit(CodeBlock(text=normalise(text.strip("\n"))))
            return
        inlines = tidy(runs)
        if not inlines:
            return
        if self._heading:
            self._emit(Heading(level=self._heading, inlines=inlines))
        elif self._quotes:
            self._emit(Quote(inlines=inlines))
        else:
            self._emit(Paragraph(inlines=inlines))

    def _emit(self, block: Block) -> None:
        self.result.pieces.append(Piece(block=block, origin=self._origins[-1]))


def _is_hidden(style: str) -> bool:
    return bool(style) and _HIDDEN.search(style[:2000]) is not None
